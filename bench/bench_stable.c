/* Stable architectures: what they reach on the small problems of Haber and Ruthotto
 * (arXiv 1705.03341), on the digits, at 1,202 layers, with few images.
 *
 *   bench_stable                       all cases
 *   bench_stable CASE...               those
 *   bench_stable list                  their names
 *
 * RUNG_DATA: folder with the data sets (mnist/..., cifar10/...); cases whose data are absent say
 * so. SEEDS: how many, 1, 2, ...; each case has its own number. THREADS: of the cases on images, 2;
 * the problems in the plane have steps too small to share and run on 1. Seconds are processor
 * seconds where nothing else is said. Each case is a process of its own, so that peaks of memory
 * are its own. */
#include "stable/stable.h"

static const bench_case cases[] = {
    {"swiss-roll", "two spirals: 100% of the points between, at 1,024 layers", run_swiss},
    {"ellipses", "a ring around an ellipse: 99.5%", run_ellipses},
    {"peaks", "five levels of a landscape: 97%", run_peaks},
    {"levels", "shallow first against full depth from the start: 40% of the time saved",
     run_levels},
    {"digits", "1,797 handwritten digits, 10-fold: 98.5%", run_digits},
    {"deep", "1,202 layers on MNIST within 512 MB, no divergence", run_deep},
    {"cifar-small", "1,000 images of CIFAR-10: hamiltonian against resnet of equal weights",
     run_cifar},
};
#define CASES (sizeof cases / sizeof *cases)

int main(int count, char **argument) {
  return run_cases(cases, CASES, count, argument);
}
