/* What a network asks of the samples that it is shown. */
#include "nn/chain.h"
#include "rung/dataset.h"

void rung_network_dataset(const rung_network *n, rung_dataset_options *how) {
  how->form = n->form;
  how->regression = n->class_name == NULL;
  if (!how->form && n->class_name) {
    how->class_count = (int)n->outputs;
    how->class_names = (const char *const *)n->class_name;
  }
  if (n->sample.rank != 3) return;
  how->height = (int)n->sample.dim[0];
  how->width = (int)n->sample.dim[1];
  how->channels = (int)n->sample.dim[2];
}
