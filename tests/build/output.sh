#!/bin/sh
# output.sh PAGE PROGRAM...: every line that the program prints stands in the page.
set -eu
page=$1
shift
"$@" | {
  missing=0
  while IFS= read -r line; do
    grep -qxF -e "$line" "$page" || {
      echo "$page lacks the line that the program prints: $line"
      missing=1
    }
  done
  exit $missing
}
