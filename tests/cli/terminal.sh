#!/bin/sh
# terminal.sh RUNG FOLDER: the progress bar on a terminal, none elsewhere, and Ctrl-C.
set -eu
rung=$1
folder=$2
digits=$(cd "$(dirname "$0")/../../examples/data" && pwd)/digits.csv.gz
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
fail() {
  echo "$*" >&2
  exit 1
}
long="--function sin(2*x+1)+0.2*exp(1.3*x) --domain x=-1:1 --precision quad"
escape=$(printf '\033')
return=$(printf '\r')

# Not on a terminal: lines only.
"$rung" fit --function 'sin(x)' --domain x=-1:1 --precision single -o plain >plain.out 2>plain.err
if grep -q "[$escape$return]" plain.out plain.err; then fail "control characters without a terminal"; fi

# On a terminal: a bar that is cleared at the end.
if command -v script >/dev/null; then
  TERM=xterm script -qec "'$rung' fit --function 'sin(x)' --domain x=-1:1 --precision single -o tty" \
    /dev/null </dev/null >tty.out
  grep -q "${return}stage 0 \[.*$escape\[K" tty.out || fail "no bar on a terminal"
  grep -q "^$return*report    tty/report.html" tty.out || grep -q "K.*stopped" tty.out ||
    fail "the bar is not cleared"
fi

# interrupt ROW COMMAND ARGUMENT...: Ctrl-C once a row of this number stands; the status is kept.
interrupt() {
  row=$1
  shift
  "$rung" "$@" >cut.out 2>cut.err &
  pid=$!
  for i in $(seq 600); do
    if grep -qs "^ *$row " cut.out || ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.05
  done
  kill -INT "$pid" 2>/dev/null || true
  status=0
  wait "$pid" || status=$?
}

# Ctrl-C once a stage stands: status 130, and the model is kept.
interrupt 0 fit $long -o stopped
if grep -q 'cancelled' cut.out; then
  [ "$status" = 130 ] || fail "expected status 130 after Ctrl-C, found $status"
  grep -q '^rung fit: interrupted; to go on: rung fit --resume stopped' cut.err ||
    fail "Ctrl-C does not say how to go on: $(cat cut.err)"
else
  [ "$status" = 0 ] || fail "status $status: $(cat cut.err)"
fi
"$rung" inspect stopped >/dev/null || fail "no model after Ctrl-C"
test -s stopped/report.html || fail "no report after Ctrl-C"
# Training: a bar with loss and rate; Ctrl-C saves, and the run that goes on ends in the same bytes.
cat >digits.yaml <<END
data: {train: $digits, target: 64, header: no, limit: 600}
model: {architecture: dense, block: hamiltonian, width: 128, layers: 12}
training: {epochs: 12, batch: 16, activations: reverse}
END
"$rung" train digits.yaml -o whole >whole.out 2>whole.err || fail "training failed: $(cat whole.err)"
if grep -q "[$escape$return]" whole.out whole.err; then fail "control characters without a terminal"; fi
# cut_short COMMAND ARGUMENT...: Ctrl-C behind the first epoch of a run in parts, which then goes on.
cut_short() {
  interrupt 1 "$@" -o parts
  if [ "$status" = 130 ]; then
    grep -q "^rung $1: interrupted; to go on: rung $1 --resume parts" cut.err ||
      fail "Ctrl-C does not say how to go on: $(cat cut.err)"
    "$rung" "$1" --resume parts >resumed.out || fail "the run cannot be resumed"
  else # it was done before
    [ "$status" = 0 ] || fail "status $status: $(cat cut.err)"
    mv cut.out resumed.out
  fi
}
same_runs() {
  for file in model.safetensors last.safetensors; do
    cmp "$1/$file" "$2/$file" || fail "a resumed run ends in other bytes"
  done
}
cut_short train digits.yaml
same_runs whole parts
# The same of a network that is extended; the table at the end is that of the whole run.
rm -r parts
change="whole $digits --swap 1 --set training.epochs=12"
"$rung" extend $change -o changed >changed.out || fail "a module cannot be trained anew"
cut_short extend $change
same_runs changed parts
sed -n '/^accuracy/,/^$/p' changed.out >changed.table
sed -n '/^accuracy/,/^$/p' resumed.out | cmp changed.table - || fail "a resumed run tells other accuracies"
test -s changed.table || fail "no accuracies of modules"
if command -v script >/dev/null; then
  TERM=xterm script -qec "'$rung' train digits.yaml --set training.epochs=5 -o bar" /dev/null \
    </dev/null >bar.out
  grep -q "epoch [1-5]/5 \[.*\] .*loss .*, accuracy .*, .*/s, .* left" bar.out || fail "no bar while a network is trained"
fi

echo "terminal and Ctrl-C are well"
