#!/bin/sh
# run.sh FOLDER: the runner of cases accepts what is right and refuses what is wrong.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$(command -v env)
sh "$here/../run.sh" "$program" "$1" "$here/good.case"
for wrong in "$here"/bad_*.case; do
  if sh "$here/../run.sh" "$program" "$1" "$wrong" >/dev/null 2>&1; then
    echo "should fail, but does not: $wrong"
    exit 1
  fi
done
