#!/bin/sh
# doxygen.sh FOLDER: no public symbol is without its comment.
command -v doxygen >/dev/null || {
  echo "skipped: there is no doxygen here"
  exit 77
}
set -eu
mkdir -p "$1"
{
  cat docs/Doxyfile
  echo "OUTPUT_DIRECTORY = $1"
  echo "GENERATE_HTML = NO"
  echo "GENERATE_XML = YES" # doxygen insists on some output
} | doxygen -
