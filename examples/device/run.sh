#!/bin/sh
# run.sh RUNG FOLDER: a digits network of sixteen layers trained by C alone, in less than 256 KB for
# program, constants and memory together. CC names the compiler.
set -eu
rung=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}
mkdir -p "$2"
cd "$2"

# The network as it begins, with its inputs' normalisation: the rate is too small to change a weight.
cat >digits.yaml <<END
data:     {train: "$here/../data/digits.csv.gz", target: 64, header: no, validation: 0.2}
model:    {architecture: dense, block: hamiltonian, width: 48, layers: 16, time: 4}
training: {optimiser: {name: sgd, rate: 1e-30}, epochs: 1}
run:      {seed: 1}
END
rm -rf digits.run
"$rung" train digits.yaml -o digits.run >/dev/null
"$rung" export digits.run --train --batch 8 --name digits -o digits.c

$cc -std=c99 -Os -ffreestanding -Wall -Wextra -Wpedantic -Werror -c digits.c
$cc -std=c99 -O2 -Wall -Wextra -Werror "$here/main.c" digits.o -I. -lm -o digits
memory=$(awk '$2 == "DIGITS_BLOCK_BYTES" { print $3 }' digits.c)
state=$(awk '$2 == "DIGITS_STATE_BYTES" { print $3 }' digits.c)
program=$(size digits.o | awk 'NR == 2 { print $1 + $2 + $3 }')
echo "memory $memory bytes, $state of them the state; program and constants $program bytes"
[ $((memory + program)) -lt 262144 ] || {
  echo "more than 256 KB" >&2
  exit 1
}
gzip -dc "$here/../data/digits.csv.gz" | ./digits
