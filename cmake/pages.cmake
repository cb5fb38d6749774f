# Man pages and completions, written by the program from its option tables.
set(pages_folder ${PROJECT_BINARY_DIR})
set(pages "")

function(rung_page file)
  add_custom_command(OUTPUT ${pages_folder}/${file}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${pages_folder}/man ${pages_folder}/completion
    COMMAND rung ${ARGN} > ${pages_folder}/${file}
    DEPENDS rung VERBATIM)
  set(pages ${pages} ${pages_folder}/${file} PARENT_SCOPE)
endfunction()

rung_page(man/rung.1 --man)
foreach(command fit predict eval extend inspect export report)
  rung_page(man/rung-${command}.1 --man ${command})
endforeach()
rung_page(completion/rung --completion bash)
rung_page(completion/_rung --completion zsh)
add_custom_target(rung_pages ALL DEPENDS ${pages})

install(DIRECTORY ${pages_folder}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages_folder}/completion/rung
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${pages_folder}/completion/_rung DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
