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

cat <<'TEXT'
Rung fits a sum of small networks: each line of the first table is a stage, fitted to what the
stages before it left over. The held-out error is relative, and taken at rows that were left out.
TEXT
show "Fit y(t), a damped oscillation in 400 rows, to machine precision." fit damped.csv --target y -o run
show "What the model is made of." inspect run/model.safetensors
printf 't\n0.1\n2.5\n7.25\n' >points.csv
show "The model and its slope at three new points." predict run/model.safetensors points.csv --derivative t
show "The model as C that needs only libm." export run/model.safetensors --format c --name damped -o damped.c
cat >main.c <<'C'
#include <stdio.h>
#include <stdlib.h>
void damped(const double *x, double *y);
int main(int count, char **text) {
  for (int i = 1; i < count; i++) {
    double t = atof(text[i]), y;
    damped(&t, &y);
    printf("%.17g,%.17g\n", t, y);
  }
}
C
cat <<'TEXT'

# It compiles anywhere, and gives the digits of rung predict.
$ cc -std=c99 -Wall -Wextra -Wpedantic -Werror main.c damped.c -lm -o main && ./main 0.1 2.5 7.25
TEXT
cc -std=c99 -Wall -Wextra -Wpedantic -Werror main.c damped.c -lm -o main
./main 0.1 2.5 7.25
printf '\nThe report, one file for any browser: %s/run/report.html\n' "$(pwd)"

cat <<'TEXT'

The second part: a deep network. Sixteen Hamiltonian layers learn 1,797 handwritten digits; what a
recipe says, --set changes. Back-propagation recovers the layers' states instead of storing them.
TEXT
cp "$here/data/digits.csv.gz" "$here/recipes/digits.yaml" .
show "Train it; a fifth of the rows is held out." train digits.yaml --set data.train=digits.csv.gz
show "How well it bears noise on the normalised counts of ink (on all rows, most of which it has seen)." eval digits.run digits.csv.gz --noise 0,0.25,0.5,1
show "What it takes, and the memory of its training by each way to keep activations." inspect digits.run --plan 32
gzip -dc digits.csv.gz | head -n 3 | cut -d , -f 1-64 >rows.csv
show "Three rows without their labels: a 0, a 1 and a 2." predict digits.run rows.csv
printf '\nIts report, with the worst samples and the learning curves: %s/digits.run/report.html\n' "$(pwd)"
