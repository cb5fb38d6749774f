/* rung export --train. */
#ifndef CLI_EXPORT_TRAIN_H
#define CLI_EXPORT_TRAIN_H

#include "common.h"

/* The options of training, for export's table. */
#define CLI_OPTIONS_EXPORT_TRAIN                                                                   \
  {"train",                                                                                        \
   0,                                                                                              \
   false,                                                                                          \
   CLI_FLAG,                                                                                       \
   NULL,                                                                                           \
   NULL,                                                                                           \
   "network: functions that train it in one given block of memory (C)",                            \
   NULL,                                                                                           \
   NULL},                                                                                          \
      {"module",                                                                                   \
       0,                                                                                          \
       false,                                                                                      \
       CLI_WHOLE,                                                                                  \
       "K",                                                                                        \
       NULL,                                                                                       \
       "with --train: train module K, those before frozen",                                        \
       "the last",                                                                                 \
       NULL},                                                                                      \
      {"batch", 0, false, CLI_WHOLE, "N", NULL, "with --train: samples of a step", "8", NULL},     \
      {"optimiser",                                                                                \
       0,                                                                                          \
       false,                                                                                      \
       CLI_CHOICE,                                                                                 \
       "O",                                                                                        \
       "sgd momentum nesterov adamw",                                                              \
       "with --train: how steps are taken",                                                        \
       "momentum",                                                                                 \
       NULL},                                                                                      \
      {"momentum",                                                                                 \
       0,                                                                                          \
       false,                                                                                      \
       CLI_NUMBER,                                                                                 \
       "MU",                                                                                       \
       NULL,                                                                                       \
       "with --train: of optimisers momentum and nesterov",                                        \
       "0.9",                                                                                      \
       NULL},                                                                                      \
      {"weight-decay",                                                                             \
       0,                                                                                          \
       false,                                                                                      \
       CLI_NUMBER,                                                                                 \
       "W",                                                                                        \
       NULL,                                                                                       \
       "with --train: decoupled, times the rate",                                                  \
       "0",                                                                                        \
       NULL},                                                                                      \
      {"loss",                                                                                     \
       0,                                                                                          \
       false,                                                                                      \
       CLI_CHOICE,                                                                                 \
       "L",                                                                                        \
       "cross-entropy squared huber",                                                              \
       "with --train: what is minimised",                                                          \
       "cross-entropy",                                                                            \
       NULL},                                                                                      \
      {"smoothing", 0, false, CLI_NUMBER, "S", NULL, "with --train: of labels", "0", NULL}, {      \
    "tau", 0, false, CLI_NUMBER, "TAU", NULL,                                                      \
        "with --train: transport cost counts 1 / (2 TAU); 0: not at all", "0", NULL                \
  }

/* Are options of training given without --train, or with what it is not for? */
int cli_check_export_train(const cli_args *args, const cli_model *model, const char *format);
rung_status cli_export_train(const cli_args *args, rung_context *ctx, const rung_network *network,
                             const rung_export_options *how, char **out, size_t *length);

#endif
