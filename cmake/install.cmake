# What `cmake --install` lays down: libraries, headers, program, and how others find them.
include(CMakePackageConfigHelpers)

install(TARGETS rung_shared EXPORT rungShared)
install(TARGETS rung_static EXPORT rungStatic)
if(TARGET rung)
  install(TARGETS rung)
endif()
install(DIRECTORY include/rung DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/rung)
install(EXPORT rungShared NAMESPACE rung:: DESTINATION ${package_folder})
install(EXPORT rungStatic NAMESPACE rung:: DESTINATION ${package_folder})
configure_package_config_file(cmake/rungConfig.cmake.in rungConfig.cmake INSTALL_DESTINATION ${package_folder})
# Before 1.0 a minor version may ask programs to be adapted.
write_basic_package_version_file(rungConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rungConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/rungConfigVersion.cmake
  cmake/dependencies.cmake DESTINATION ${package_folder})

# gcc's OpenMP library is where the linker looks; clang's may be in a folder of its own.
set(PC_OPENMP "")
foreach(name ${OpenMP_C_LIB_NAMES})
  if(name STREQUAL "omp")
    get_filename_component(folder ${OpenMP_${name}_LIBRARY} DIRECTORY)
    string(APPEND PC_OPENMP "-L${folder} ")
  endif()
  string(APPEND PC_OPENMP "-l${name} ")
endforeach()
string(STRIP "${PC_OPENMP}" PC_OPENMP)
# The prefix is told from where the file lies, so that the installed tree can be moved.
file(RELATIVE_PATH PC_UP "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" PC_UP "${PC_UP}")
set(PC_LIBDIR "\${prefix}")
set(PC_INCLUDEDIR "\${prefix}")
cmake_path(APPEND PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
cmake_path(APPEND PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/rung.pc.in rung.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rung.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
