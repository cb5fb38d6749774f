# The libraries that Rung stands on, for its own build and, installed, for those who link the static
# library. Sets RUNG_DEPENDENCIES.
macro(rung_find_dependencies)
  find_package(PkgConfig ${ARGV})
  find_package(OpenMP ${ARGV} COMPONENTS C)
  find_package(ZLIB ${ARGV})
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads ${ARGV})
  if(PkgConfig_FOUND)
    pkg_check_modules(RUNG_PACKAGES ${ARGV} IMPORTED_TARGET lapacke openblas kissfft-float yaml-0.1 libcjson
      libpng16 libturbojpeg)
  endif()
  set(RUNG_DEPENDENCIES PkgConfig::RUNG_PACKAGES ZLIB::ZLIB OpenMP::OpenMP_C Threads::Threads m)
endmacro()
