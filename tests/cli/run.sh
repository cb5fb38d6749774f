#!/bin/sh
# run.sh RUNG FOLDER CASE: runs the commands of a case in the (emptied) folder and compares what they
# say. A case is text:
#
#   # a comment
#   $ rung eval model table.csv     a command for sh, in which `rung` is the program under test
#   > more                          further lines of that command
#   | text                          a line that it must print on standard output
#   |~ regex                        the same as a regular expression of awk for the whole line
#   |*                              any number of lines
#   ! text     !~ regex     !*      the same for standard error
#   ? 2                             its exit status; without this line 0
#
# Without | lines nothing may be printed on standard output, without ! lines nothing on standard
# error. Commands of a case share the folder: earlier ones may make files for later ones.
set -eu
rung=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
tests=$(cd "$(dirname "$0")" && pwd)
examples=$(cd "$tests/../../examples" && pwd)
case_file=$(cd "$(dirname "$3")" && pwd)/$(basename "$3")
rm -rf "$2"
mkdir -p "$2/work" "$2/step"
cd "$2/work"
step=../step

# Cuts the case into step/N.command, N.stdout, N.stderr, N.status; says how many.
count=$(awk -v folder="$step" '
  function put(name, text) { print text > (folder "/" n "." name) }
  /^#/ || /^[ \t]*$/ { next }
  /^\$ / { n++; put("command", substr($0, 3)); printf "" > (folder "/" n ".stdout")
           printf "" > (folder "/" n ".stderr"); next }
  n && /^> /   { put("command", substr($0, 3)); next }
  n && /^\|/   { put("stdout", substr($0, 2)); next }
  n && /^!/    { put("stderr", substr($0, 2)); next }
  n && /^\? /  { put("status", substr($0, 3)); next }
  { print "line " NR " is not understood: " $0 > "/dev/stderr"; exit 2 }
  END { print n + 0 }' "$case_file")
[ "$count" -gt 0 ] || {
  echo "$case_file: no command" >&2
  exit 2
}

# compare EXPECTED FOUND: do the lines match?
compare() {
  awk '
    function fits(i, j) {
      while (i <= wants) {
        if (want[i] == "*") {
          for (; j <= lines + 1; j++) if (fits(i + 1, j)) return 1
          return 0
        }
        if (j > lines) return 0
        if (want[i] ~ /^~ /) { if (line[j] !~ ("^(" substr(want[i], 3) ")$")) return 0 }
        else if (line[j] != substr(want[i], 2)) return 0
        i++; j++
      }
      return j > lines
    }
    NR == FNR { want[++wants] = $0; next }
    { line[++lines] = $0 }
    END { exit !fits(1, 1) }' "$1" "$2"
}

complain() {
  printf '%s: command %s: %s\n' "$(basename "$case_file")" "$n" "$1"
  sed 's/^/$ /' "$step/$n.command"
  for stream in stdout stderr; do
    printf -- '--- expected on %s\n' "$stream"
    cat "$step/$n.$stream"
    printf -- '--- found on %s\n' "$stream"
    cat "$step/$n.found_$stream"
  done
  exit 1
}

mkdir -p ../bin
ln -sf "$rung" ../bin/rung
PATH=$(cd ../bin && pwd):$PATH
LC_ALL=C COLUMNS=100 EXAMPLES=$examples
export PATH LC_ALL COLUMNS EXAMPLES
n=0
while [ "$n" -lt "$count" ]; do
  n=$((n + 1))
  status=0
  sh "$step/$n.command" </dev/null >"$step/$n.found_stdout" 2>"$step/$n.found_stderr" || status=$?
  expected=0
  [ ! -f "$step/$n.status" ] || expected=$(cat "$step/$n.status")
  [ "$status" = "$expected" ] || complain "expected exit status $expected, found $status"
  for stream in stdout stderr; do
    [ -s "$step/$n.$stream" ] || [ -s "$step/$n.found_$stream" ] || continue
    # awk takes an empty first file for the second one, so both get a line in front.
    { echo ' first'; cat "$step/$n.$stream"; } >"$step/want"
    { echo first; cat "$step/$n.found_$stream"; } >"$step/found"
    compare "$step/want" "$step/found" || complain "$stream differs"
  done
done
echo "$count commands behaved as told"
