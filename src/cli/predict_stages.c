/* rung predict of a sum of stages: values and derivatives at the points of a table. */
#include <stdlib.h>
#include <string.h>

#include "derivative.h"
#include "predict.h"

typedef struct job {
  rung_context *ctx;
  const rung_model *model;
  rung_predictor *predictor;
  rung_table *points;
  cli_derivative *derivative;
  int derivatives;
  int inputs, outputs;
  int *column;    /* of the table, for each input */
  int quantities; /* outputs, then derivatives of all outputs */
  char **name;    /* of the quantities that are derivatives */
  void *x, *y, *all;
} job;

/* The inputs' names as the list that the table reader takes; NULL where one holds a comma. */
static char *column_list(const job *j) {
  size_t size = 1;
  for (int i = 0; i < j->inputs; i++) size += strlen(rung_model_input_name(j->model, i)) + 1;
  char *list = malloc(size);
  if (!list) return NULL;
  *list = 0;
  for (int i = 0; i < j->inputs; i++) {
    if (i) strcat(list, ",");
    strcat(list, rung_model_input_name(j->model, i));
  }
  return list;
}

/* A table without names, such as an NPY file: its columns are the inputs, in order. */
static bool read_unnamed(job *j, const char *path) {
  if (rung_table_read(j->ctx, path, NULL, &j->points) != RUNG_OK) return false;
  bool fits = rung_table_columns(j->points) == j->inputs;
  for (int i = 0; fits && i < j->inputs; i++) {
    char automatic[16];
    snprintf(automatic, sizeof automatic, "c%d", i + 1);
    fits = strcmp(rung_table_name(j->points, i), automatic) == 0;
    j->column[i] = i;
  }
  if (!fits) {
    rung_table_destroy(j->points);
    j->points = NULL;
  }
  return fits;
}

static int read_points(job *j, const char *path) {
  char *list = column_list(j);
  if (!list) return cli_no_memory();
  rung_table_options how = rung_table_options_default();
  how.columns = list;
  rung_status status = rung_table_read(j->ctx, path, &how, &j->points);
  free(list);
  if (status == RUNG_OK) {
    for (int i = 0; i < j->inputs; i++)
      j->column[i] = rung_table_find(j->points, rung_model_input_name(j->model, i));
    return CLI_SUCCESS;
  }
  char *message = strdup(rung_error(j->ctx));
  if (status == RUNG_E_DATA && read_unnamed(j, path)) {
    free(message);
    return CLI_SUCCESS;
  }
  cli_say("%s", message ? message : "out of memory");
  free(message);
  return CLI_FAILURE;
}

static int read_derivatives(job *j, const cli_args *args) {
  j->derivative = calloc((size_t)args->given_count + 1, sizeof *j->derivative);
  if (!j->derivative) return cli_no_memory();
  for (int i = 0; i < args->given_count; i++) {
    if (strcmp(args->given[i].option->name, "derivative") != 0) continue;
    int status =
        cli_parse_derivative(j->model, args->given[i].value, &j->derivative[j->derivatives++]);
    if (status) return status;
  }
  return CLI_SUCCESS;
}

/* Quantity 0..outputs-1: the outputs; then each derivative of each output. */
static int make_predictor(job *j) {
  j->quantities = j->outputs * (1 + j->derivatives);
  rung_quantity *quantity = calloc((size_t)j->quantities, sizeof *quantity);
  j->name = calloc((size_t)j->quantities, sizeof *j->name);
  if (!quantity || !j->name) {
    free(quantity);
    return cli_no_memory();
  }
  bool named = true;
  for (int q = 0; q < j->quantities; q++) {
    int output = q % j->outputs, d = q / j->outputs - 1;
    int order = d < 0 ? 0 : j->derivative[d].order;
    quantity[q][0] = output;
    for (int k = 0; k < order; k++) quantity[q][1 + k] = j->derivative[d].input[k];
    quantity[q][1 + order] = -1;
    if (d >= 0) j->name[q] = cli_derivative_name(j->model, output, &j->derivative[d]);
    named = named && (d < 0 || j->name[q]);
  }
  rung_status status =
      rung_predictor_create(j->model, j->ctx, j->quantities, quantity, &j->predictor);
  free(quantity);
  if (!named) return cli_no_memory();
  return status == RUNG_OK ? CLI_SUCCESS : cli_failed(j->ctx);
}

/* Rows of inputs and rows of quantities side by side in `all`. */
static void join_rows(const job *j, size_t rows, size_t element) {
  size_t wide_x = element * (size_t)j->inputs, wide_y = element * (size_t)j->quantities;
  for (size_t r = 0; r < rows; r++) {
    char *row = (char *)j->all + r * (wide_x + wide_y);
    memcpy(row, (const char *)j->x + r * wide_x, wide_x);
    memcpy(row + wide_x, (const char *)j->y + r * wide_y, wide_y);
  }
}

static int evaluate(job *j) {
  rung_dtype dtype = rung_model_dtype(j->model);
  size_t rows = (size_t)rung_table_rows(j->points), element = rung_dtype_size(dtype);
  size_t columns = (size_t)j->inputs + (size_t)j->quantities;
  if (rows > SIZE_MAX / element / columns) return cli_no_memory();
  if (rung_alloc(j->ctx, rows * element * (size_t)j->inputs, &j->x) != RUNG_OK ||
      rung_alloc(j->ctx, rows * element * (size_t)j->quantities, &j->y) != RUNG_OK ||
      rung_alloc(j->ctx, rows * element * columns, &j->all) != RUNG_OK)
    return cli_failed(j->ctx);
  rung_table_get(j->points, j->inputs, j->column, dtype, j->x);
  if (rung_predict(j->predictor, j->ctx, (int64_t)rows, j->x, j->y) != RUNG_OK)
    return cli_failed(j->ctx);
  join_rows(j, rows, element);
  return CLI_SUCCESS;
}

static int write_csv(const job *j, const char *path, int digits) {
  int columns = j->inputs + j->quantities;
  const char **names = calloc((size_t)columns, sizeof *names);
  if (!names) return cli_no_memory();
  for (int i = 0; i < j->inputs; i++) names[i] = rung_model_input_name(j->model, i);
  for (int q = 0; q < j->quantities; q++)
    names[j->inputs + q] = j->name[q] ? j->name[q] : rung_model_output_name(j->model, q);
  char *csv = NULL;
  size_t length = 0;
  rung_status status =
      rung_table_write(j->ctx, path, columns, names, rung_table_rows(j->points),
                       rung_model_dtype(j->model), j->all, digits, path ? NULL : &csv, &length);
  free(names);
  if (status != RUNG_OK) return cli_failed(j->ctx);
  if (csv) cli_write(NULL, csv, length);
  rung_free(j->ctx, csv);
  return CLI_SUCCESS;
}

static int predict(job *j, const cli_args *args) {
  j->inputs = rung_model_inputs(j->model);
  j->outputs = rung_model_outputs(j->model);
  j->column = calloc((size_t)j->inputs, sizeof *j->column);
  if (!j->column) return cli_no_memory();
  const char *digits = cli_value(args, "digits");
  long wanted = digits ? strtol(digits, NULL, 10) : 0;
  if (digits && (wanted < 1 || wanted > 40))
    return cli_usage("--digits: expected 1 to 40, found '%s'", digits);
  int status = read_derivatives(j, args);
  if (!status) status = read_points(j, args->argument[1]);
  if (!status) status = make_predictor(j);
  if (!status) status = evaluate(j);
  return status ? status : write_csv(j, cli_value(args, "output"), (int)wanted);
}

static void release(job *j) {
  rung_free(j->ctx, j->x);
  rung_free(j->ctx, j->y);
  rung_free(j->ctx, j->all);
  for (int q = 0; j->name && q < j->quantities; q++) free(j->name[q]);
  free(j->name);
  free(j->derivative);
  free(j->column);
  rung_predictor_destroy(j->predictor);
  rung_table_destroy(j->points);
}

int cli_predict_stages(const cli_args *args, rung_context *ctx, const rung_model *model) {
  job j = {.ctx = ctx, .model = model};
  int status = predict(&j, args);
  release(&j);
  return status;
}
