#!/bin/sh
# pages.sh RUNG FOLDER: help, man pages and completions tell the same options, and those that are
# promised are there; man pages render without warnings; completions work in their shells.
set -eu
rung=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
LC_ALL=C.UTF-8
export LC_ALL
fail() {
  echo "$*" >&2
  exit 1
}

"$rung" --completion bash >"$folder/rung.bash"
"$rung" --completion zsh >"$folder/_rung"
commands=$("$rung" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -v '^help$')
[ "$(echo $commands)" = "fit train predict eval extend inspect export report" ] ||
  fail "other commands than expected: $commands"

promised() {
  case $1 in
  fit) echo target inputs function domain precision method stages target-error time memory seed \
    threads output resume json help ;;
  train) echo set memory output resume print-recipe threads json help ;;
  predict) echo output digits derivative all skip-bad threads help ;;
  eval) echo function domain target labels top noise corrupt skip-bad seed threads json help ;;
  extend) echo function domain output replace drop help ;;
  inspect) echo plan stability threads json help ;;
  export) echo format output derivatives name help ;;
  report) echo help ;;
  esac
}

for command in $commands; do
  "$rung" "$command" --help >"$folder/$command.txt"
  "$rung" --man "$command" >"$folder/$command.1"
  if awk 'length > 79 && !/^  rung/ { exit 1 }' "$folder/$command.txt"; then :; else
    fail "$command --help: a line is longer than 79"
  fi
  grep -q '^Examples*:' "$folder/$command.txt" || fail "$command --help shows no example"
  sed -n '/^Options:/,/^Example/s/^  \(-[a-z], \)*--\([a-z-]*\).*/\2/p' "$folder/$command.txt" \
    >"$folder/$command.options"
  for option in $(promised "$command"); do
    grep -qx -- "$option" "$folder/$command.options" || fail "$command --help lacks --$option"
  done
  sed -n "/^_rung_$command()/,/^}/p" "$folder/_rung" >"$folder/$command.zsh"
  sed -n "/^  $command)/,/^    esac/p" "$folder/rung.bash" >"$folder/$command.bash"
  while read -r option; do
    escaped=$(printf %s "$option" | sed 's/-/\\\\-/g')
    grep -q -- "^\(.*, \)*\\\\fB\\\\-\\\\-$escaped\\\\fR" "$folder/$command.1" ||
      fail "rung-$command(1) lacks --$option"
    grep -q -- "--$option[[ ,}]" "$folder/$command.zsh" || fail "zsh completion lacks $command --$option"
    grep -q -- "words='.*--$option " "$folder/$command.bash" ||
      fail "bash completion lacks $command --$option"
  done <"$folder/$command.options"
done
"$rung" --man >"$folder/rung.1"

if command -v man >/dev/null; then
  for page in "$folder"/*.1; do
    MANWIDTH=80 man -l --warnings "$page" >"$folder/rendered" 2>"$folder/warnings"
    [ ! -s "$folder/warnings" ] || fail "$page: $(cat "$folder/warnings")"
    grep -q SYNOPSIS "$folder/rendered" || fail "$page renders to nothing"
  done
  MANWIDTH=80 man -l "$folder/fit.1" | grep -q "rung fit --function 'sin(2\*x+1)+0.2\*exp(1.3\*x)'" ||
    fail "the example of rung-fit(1) cannot be copied"
fi

# complete WORDS...: what bash offers for the last word.
complete() {
  (cd "$folder" && bash -c '
    . ./rung.bash
    COMP_WORDS=(rung "$@")
    COMP_CWORD=$#
    _rung
    echo "${COMPREPLY[@]}"' bash "$@")
}
expect() {
  expected=$1
  shift
  found=$(complete "$@")
  [ "$found" = "$expected" ] || fail "completion of 'rung $*': expected '$expected', found '$found'"
}
if command -v bash >/dev/null; then
  mkdir "$folder/points.run"
  expect 'eval extend export' e
  expect fit fi
  expect '--precision' fit --pre
  expect 'single double quad' fit t.csv --precision ''
  expect quad fit t.csv --precision q
  expect numpy export m --format n
  expect points.run fit --resume po
  expect '--digits --derivative' predict --d
  expect inspect help ins
  expect '' fit --seed ''
fi
if command -v zsh >/dev/null; then
  zsh -n "$folder/_rung"
  (cd "$folder" && zsh -f -c '
    fpath=($PWD $fpath)
    autoload -Uz compinit && compinit -D -u
    [[ $_comps[rung] == _rung ]] && autoload -Uz +X _rung') || fail "zsh does not take its completion"
fi
echo "help, man pages and completions agree"
