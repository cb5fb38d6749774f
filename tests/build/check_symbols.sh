#!/bin/sh
# check_symbols.sh LIBRARY: the shared library shows the functions that a public header declares, all
# of them and nothing else.
set -eu
shown=$(nm -D --defined-only "$1" | awk '{print $3}' | sort)
strange=$(printf '%s\n' "$shown" | grep -v '^rung_' || true)
if [ -n "$strange" ]; then
  echo "symbols that should be hidden:" $strange
  exit 1
fi
# A declaration is RUNG_API, a type, a name and its bracket, perhaps over several lines.
declared=$(cat include/rung/*.h | grep -v '^ *#' | tr '\n' ' ' |
  grep -o 'RUNG_API [^(]*(' | sed 's/ *($//; s/.*[ *]//' | sort -u)
undeclared=$(for name in $shown; do
  printf '%s\n' "$declared" | grep -qx "$name" || echo "$name"
done)
if [ -n "$undeclared" ]; then
  echo "in the library, but declared in no public header:" $undeclared
  exit 1
fi
absent=$(for name in $declared; do
  printf '%s\n' "$shown" | grep -qx "$name" || echo "$name"
done)
if [ -n "$absent" ]; then
  echo "declared in a public header, but not in the library:" $absent
  exit 1
fi
echo "$(printf '%s\n' "$shown" | wc -l) symbols, all public"
