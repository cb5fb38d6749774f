#!/bin/sh
# demo.sh RUNG FOLDER: the main jobs on a small table, each command shown before it runs. Run it
# through `./dev demo`.
set -eu
rung=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$2"
mkdir -p "$2"
cd "$2"
cp "$here/data/damped.csv" .

show() {
  printf '\n# %s\n$ rung' "$1"
  shift
  printf ' %s' "$@"
  printf '\n'
  "$rung" "$@"
}

show "Fit y(t), a damped oscillation in 400 rows, to machine precision." fit damped.csv --target y -o run
show "What the model is made of." inspect run/model.safetensors
printf 't\n0.1\n2.5\n7.25\n' >points.csv
show "The model and its slope at three new points." predict run/model.safetensors points.csv --derivative t
show "The model as C that needs only libm." export run/model.safetensors --format c -o damped.c
printf '\n# It compiles anywhere.\n$ cc -std=c99 -Wall -Wextra -Wpedantic -Werror -c damped.c\n'
cc -std=c99 -Wall -Wextra -Wpedantic -Werror -c damped.c
printf '\nThe report, one file for any browser: %s/run/report.html\n' "$(pwd)"
