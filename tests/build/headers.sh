#!/bin/sh
# headers.sh COMPILER: every public header stands alone, in strict C99 and, where there is a C++
# compiler, in C++.
set -eu
flags="-fsyntax-only -Wall -Wextra -Wpedantic -Werror -Iinclude"
for header in include/rung/*.h; do
  echo "#include \"$header\"" | "$1" -std=c99 $flags -x c -
  if command -v c++ >/dev/null; then
    echo "#include \"$header\"" | c++ -std=c++11 $flags -x c++ -
  fi
done
