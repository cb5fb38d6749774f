/* A module's training as one C99 file for devices without an operating system. */
#include "train/device.h"

#include "nn/module.h"
#include "store/export.h"

/* What the file cannot do is said before anything is made. */
static rung_status check(const rg_device *d) {
  const rung_training *t = d->training;
  if (!d->descent)
    return rg_fail(d->ctx, RUNG_E_ARGUMENT,
                   "export to C: optimiser: expected sgd, momentum, nesterov or adamw, found "
                   "\"%.40s\"",
                   t->optimiser ? t->optimiser : "nothing");
  if (t->batch < 1 || t->batch > 1 << 20)
    return rg_fail(d->ctx, RUNG_E_ARGUMENT,
                   "export to C: batch: expected 1 to %d samples, found %lld", 1 << 20,
                   (long long)t->batch);
  RG_TRY(rg_descent_check(d->ctx, t));
  if (t->modulewise && !(t->tau >= 0))
    return rg_fail(d->ctx, RUNG_E_UNSUPPORTED,
                   "export to C: tau: expected a number, 0 for no penalty; it cannot be set from a "
                   "ratio there");
  if (t->clip > 0 || t->average > 0 || t->smoothness > 0)
    return rg_fail(d->ctx, RUNG_E_UNSUPPORTED,
                   "export to C: training there clips no gradients, averages no weights and knows "
                   "no smoothness in time");
  return RUNG_OK;
}

/* What blocks may have that is not written. */
static rung_status check_part(const rg_device *d) {
  const rung_network *n = d->part;
  for (int i = 0; i < n->blocks.count; i++) {
    const char *what = rg_state_fixed(n, i)      ? "states in fixed point"
                       : n->blocks.list[i].nodes ? "weights that are linear in time"
                       : n->of_block[i].random   ? "dropout"
                                                 : NULL;
    if (what)
      return rg_fail(d->ctx, RUNG_E_UNSUPPORTED, "export to C: training with %s (block %s)", what,
                     n->blocks.list[i].name);
  }
  return RUNG_OK;
}

static rung_status check_size(const rg_device *d) {
  int64_t most = INT32_MAX / (int64_t)rung_dtype_size(d->part->dtype);
  if (d->total <= most) return RUNG_OK;
  return rg_fail(d->ctx, RUNG_E_UNSUPPORTED,
                 "export to C: training takes %lld numbers of memory; at most %lld can be counted "
                 "there: a smaller batch may do",
                 (long long)d->total, (long long)most);
}

static rung_status make(rg_device *d) {
  RG_TRY(check(d));
  RG_TRY(rg_network_module(d->whole, d->ctx, d->module, &d->part));
  RG_TRY(check_part(d));
  if (d->training->modulewise && d->training->tau > 0)
    d->part->transport = d->training->transport_sum ? RG_TRANSPORT_SUM : RG_TRANSPORT_MEAN;
  if (d->module > 1) {
    rg_cut cut = rg_cut_behind(d->whole, d->whole->settings.exit_at[d->module - 2]);
    d->frozen_blocks = cut.block + (cut.layer > 0);
    d->frozen_layers = cut.layer > 0 ? cut.layer : d->whole->blocks.list[cut.block - 1].layers;
  }
  RG_TRY(rg_device_plan(d));
  RG_TRY(check_size(d));
  return rg_device_text(d);
}

rung_status rung_network_export_training(const rung_network *network, rung_context *ctx,
                                         const rung_export_options *options,
                                         const rung_training *training, int module, char **out,
                                         size_t *length) {
  rung_export_options o;
  *out = NULL;
  *length = 0;
  RG_TRY(rg_export_check(ctx, options, true, &o));
  if (o.exit)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "exit: the training of a module ends with its own");
  rung_clear_error(ctx);
  rg_device d = {.ctx = ctx,
                 .whole = network,
                 .module = module,
                 .training = training,
                 .descent = training->optimiser ? rg_descent_find(training->optimiser) : NULL};
  rg_c_file_init(&d.file, ctx, o.name, network->dtype);
  d.file.inputs = rung_shape_count(&network->sample);
  d.file.outputs = network->outputs;
  rg_text_init(&d.functions, ctx);
  rung_status status = make(&d);
  if (status == RUNG_OK) status = rg_c_file_text(&d.file, out, length);
  rg_text_free(&d.functions);
  rg_c_file_free(&d.file);
  rg_device_free(&d);
  return status;
}
