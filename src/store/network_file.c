/* A network as a safetensors file: what it is in the metadata, its tensors by name.
 *
 * In quad precision the halves of each number stand on one more axis, the last. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "nn/chain.h"
#include "store/safetensors.h"

#define FORMAT "rung-network"
#define VERSION "1"
#define HEADS "model.exit_head"

/* The settings that are one text or number each. */
typedef enum setting_type {
  TEXT, /* may be missing: the architecture's own */
  WHOLE,
  REAL,
  REAL_OR_0, /* may be missing, in files from before it was there: 0 */
  FLAG
} setting_type;
typedef struct setting {
  const char *key;
  setting_type type;
  size_t offset;
} setting;

#define SETTING(name, type)                                                                        \
  { "model." #name, type, offsetof(rung_network_settings, name) }
static const setting settings_list[] = {
    SETTING(architecture, TEXT),
    SETTING(block, TEXT),
    SETTING(integrator, TEXT),
    SETTING(activation, TEXT),
    SETTING(norm, TEXT),
    SETTING(head, TEXT),
    SETTING(time, REAL),
    SETTING(step, REAL),
    SETTING(gamma, REAL),
    SETTING(groups, WHOLE),
    SETTING(opening_kernel, WHOLE),
    SETTING(opening_stride, WHOLE),
    SETTING(dropout, REAL),
    SETTING(orthogonal, REAL_OR_0),
    SETTING(nodes, WHOLE),
    SETTING(fixed, FLAG),
};
#define SETTINGS (sizeof settings_list / sizeof *settings_list)

/* ---- writing ---- */

/* Text made piece by piece goes into the metadata, or its error out. */
static rung_status put_text(rg_tensors *set, const char *key, rg_text *text) {
  rung_status status = rg_text_status(text);
  if (status == RUNG_OK) status = rg_tensors_add_text(set, key, text->data);
  rg_text_free(text);
  return status;
}

static rung_status put_setting(rg_tensors *set, const setting *s,
                               const rung_network_settings *settings) {
  const char *at = (const char *)settings + s->offset;
  rg_text text;
  rg_text_init(&text, set->ctx);
  switch (s->type) {
  case TEXT:
    if (!*(const char *const *)at) return RUNG_OK;
    return rg_tensors_add_text(set, s->key, *(const char *const *)at);
  case WHOLE:
    rg_text_printf(&text, "%" PRId64, *(const int64_t *)at);
    break;
  case FLAG:
    rg_text_printf(&text, "%d", *(const int *)at);
    break;
  case REAL:
  case REAL_OR_0:
  default:
    rg_text_json_number(&text, *(const double *)at);
    break;
  }
  return put_text(set, s->key, &text);
}

/* "[16, 32]" */
static rung_status put_list(rg_tensors *set, const char *key, int count, const int64_t *list) {
  rg_text text;
  rg_text_init(&text, set->ctx);
  rg_text_add(&text, "[");
  for (int i = 0; i < count; i++) rg_text_printf(&text, "%s%" PRId64, i ? ", " : "", list[i]);
  rg_text_add(&text, "]");
  return put_text(set, key, &text);
}

/* "conv", or "[conv, pool]" where they differ. */
static rung_status put_heads(rg_tensors *set, const rung_network_settings *s) {
  rg_text text;
  bool same = true;
  for (int e = 1; e < s->exits; e++) same = same && !strcmp(s->exit_head[e], s->exit_head[0]);
  if (same) return rg_tensors_add_text(set, HEADS, s->exit_head[0]);
  rg_text_init(&text, set->ctx);
  for (int e = 0; e < s->exits; e++) rg_text_printf(&text, "%s%s", e ? ", " : "[", s->exit_head[e]);
  rg_text_add(&text, "]");
  return put_text(set, HEADS, &text);
}

static rung_status put_classes(rg_tensors *set, const rung_network *n) {
  if (!n->class_name) return RUNG_OK;
  rg_text text;
  rg_text_init(&text, set->ctx);
  for (int64_t i = 0; i < n->outputs; i++) {
    rg_text_add(&text, i ? ", " : "[");
    rg_text_json(&text, n->class_name[i]);
  }
  rg_text_add(&text, "]");
  return put_text(set, "classes", &text);
}

/* The type and shape of a tensor in the file. */
static rg_tensor_type lies_as(rung_dtype dtype, rung_shape *shape) {
  if (dtype == RUNG_F32) return RG_TENSOR_F32;
  if (dtype == RUNG_DD && shape->rank < RUNG_MAX_RANK) shape->dim[shape->rank++] = 2;
  return RG_TENSOR_F64;
}

/* Where the number of stages is left open, as many as have layers that are not. */
static int stages_with_layers(const rung_network_settings *s) {
  int stages = s->stages;
  while (!s->stages && stages < RUNG_MOST_STAGES && s->layers[stages]) stages++;
  return stages;
}

static rung_status put_network(rg_tensors *set, const rung_network *n) {
  RG_TRY(rg_tensors_add_text(set, "format", FORMAT));
  RG_TRY(rg_tensors_add_text(set, "version", VERSION));
  RG_TRY(rg_tensors_add_text(set, "precision", rung_dtype_name(n->dtype)));
  RG_TRY(put_list(set, "sample", n->sample.rank, n->sample.dim));
  RG_TRY(put_list(set, "outputs", 1, &n->outputs));
  for (size_t i = 0; i < SETTINGS; i++) RG_TRY(put_setting(set, &settings_list[i], &n->settings));
  RG_TRY(put_list(set, "model.channels", n->settings.stages, n->settings.channels));
  RG_TRY(put_list(set, "model.layers", stages_with_layers(&n->settings), n->settings.layers));
  if (n->settings.exits)
    RG_TRY(put_list(set, "model.exits", n->settings.exits, n->settings.exit_at));
  if (n->settings.exits) RG_TRY(put_heads(set, &n->settings));
  if (n->settings.added) RG_TRY(put_list(set, "model.added", 1, &n->settings.added));
  RG_TRY(put_classes(set, n));
  if (n->form) RG_TRY(rg_tensors_add_text(set, "form", n->form));
  RG_TRY(rg_tensors_add_view(set, "input.mean", RG_TENSOR_F64, 1, &n->normalised, n->mean));
  RG_TRY(rg_tensors_add_view(set, "input.scale", RG_TENSOR_F64, 1, &n->normalised, n->scale));
  RG_TRY(rg_tensors_add_view(set, "target.mean", RG_TENSOR_F64, 1, &n->outputs, n->target_mean));
  RG_TRY(rg_tensors_add_view(set, "target.scale", RG_TENSOR_F64, 1, &n->outputs, n->target_scale));
  for (int i = 0; i < rung_network_tensors(n); i++) {
    rung_tensor t;
    RG_TRY(rung_network_tensor(n, set->ctx, i, &t));
    rg_tensor_type type = lies_as(n->dtype, &t.shape);
    RG_TRY(rg_tensors_add_view(set, t.name, type, t.shape.rank, t.shape.dim, t.data));
  }
  return RUNG_OK;
}

rung_status rg_network_save_memory(const rung_network *network, rung_context *ctx, void **out,
                                   size_t *length) {
  rg_tensors set;
  *out = NULL;
  rg_tensors_init(&set, ctx);
  rung_status status = put_network(&set, network);
  if (status == RUNG_OK) status = rg_tensors_write_memory(&set, out, length);
  rg_tensors_free(&set);
  return status;
}

rung_status rung_network_save(const rung_network *network, rung_context *ctx, const char *path) {
  rg_tensors set;
  rg_tensors_init(&set, ctx);
  rung_status status = put_network(&set, network);
  if (status == RUNG_OK) status = rg_tensors_write(&set, path);
  rg_tensors_free(&set);
  return status;
}

/* ---- reading ---- */

#define HEAD_LENGTH 8

typedef struct loader {
  rung_context *ctx;
  const rg_tensors *set;
  const char *file;
  rung_network_settings settings;
  rung_shape sample;
  int64_t outputs;
  rung_dtype dtype;
  rung_network *network;
  char head[RUNG_MOST_EXITS][HEAD_LENGTH]; /* what the settings' heads point at, of a list */
} loader;

static rung_status bad_text(const loader *l, const char *key, const char *expected,
                            const char *found) {
  return rg_fail(l->ctx, RUNG_E_FORMAT, "%s: metadata \"%s\": expected %s, found \"%.60s\"",
                 l->file, key, expected, found);
}

static rung_status take_whole(const loader *l, const char *key, const char *text, int64_t *out) {
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return end == text || *end || errno ? bad_text(l, key, "a whole number", text) : RUNG_OK;
}

static rung_status take_setting(loader *l, const setting *s) {
  char *at = (char *)&l->settings + s->offset, *end;
  const char *text = rg_tensors_text(l->set, s->key);
  int64_t whole;
  if (s->type == TEXT) {
    *(const char **)at = text;
    return RUNG_OK;
  }
  if (s->type == REAL_OR_0 && !text) return RUNG_OK;
  RG_TRY(rg_tensors_get_text(l->set, s->key, &text));
  if (s->type == REAL || s->type == REAL_OR_0) {
    *(double *)at = strtod(text, &end);
    bool number = end != text && !*end && isfinite(*(double *)at);
    return number ? RUNG_OK : bad_text(l, s->key, "a number", text);
  }
  RG_TRY(take_whole(l, s->key, text, &whole));
  if (s->type == WHOLE)
    *(int64_t *)at = whole;
  else if (whole == 0 || whole == 1)
    *(int *)at = (int)whole;
  else
    return bad_text(l, s->key, "0 or 1", text);
  return RUNG_OK;
}

/* "[16, 32]": up to `most` numbers. */
static rung_status take_list(const loader *l, const char *key, int most, int64_t *list,
                             int *count) {
  const char *text;
  RG_TRY(rg_tensors_get_text(l->set, key, &text));
  const char *at = text;
  *count = 0;
  if (*at++ != '[') return bad_text(l, key, "a list of whole numbers", text);
  while (*at != ']') {
    char *end;
    errno = 0;
    if (*count == most) return bad_text(l, key, "a shorter list", text);
    list[(*count)++] = strtoll(at, &end, 10);
    if (end == at || errno || (*end != ',' && *end != ']'))
      return bad_text(l, key, "a list of whole numbers", text);
    at = *end == ',' ? end + 1 : end;
  }
  return at[1] ? bad_text(l, key, "a list of whole numbers", text) : RUNG_OK;
}

/* A word of a list of words, into the loader's room for them; NULL where it is too long. */
static const char *take_word(loader *l, int index, const char *word, size_t length) {
  if (length >= HEAD_LENGTH) return NULL;
  memcpy(l->head[index], word, length);
  l->head[index][length] = 0;
  return l->head[index];
}

/* One word for all exits (missing: the default), or a list of a word for each. */
static rung_status take_heads(loader *l) {
  const char *text = rg_tensors_text(l->set, HEADS), *at = text;
  const char **head = l->settings.exit_head;
  int exits = l->settings.exits, count = 0;
  for (int e = 0; e < exits; e++) head[e] = text;
  if (!text || *text != '[') return RUNG_OK;
  while (*at == '[' || *at == ',') {
    at += 1 + strspn(at + 1, " ");
    size_t length = strcspn(at, ",]");
    if (count == exits || !(head[count] = take_word(l, count, at, length))) break;
    count++;
    at += length;
  }
  if (count == exits && at[0] == ']' && !at[1]) return RUNG_OK;
  return bad_text(l, HEADS, "a word, or a list of as many as there are exits", text);
}

static rung_status check_format(const loader *l) {
  const char *format = rg_tensors_text(l->set, "format"), *version;
  if (!format || strcmp(format, FORMAT) != 0)
    return rg_fail(l->ctx, RUNG_E_FORMAT,
                   "%s: a safetensors file, but not a network: expected \"format\": \"" FORMAT
                   "\" in its metadata, found %.60s",
                   l->file, format ? format : "none");
  RG_TRY(rg_tensors_get_text(l->set, "version", &version));
  if (strcmp(version, VERSION) == 0) return RUNG_OK;
  return rg_fail(l->ctx, RUNG_E_UNSUPPORTED,
                 "%s: network file version %.20s, but this library (%s) reads version " VERSION
                 "; use a newer library",
                 l->file, version, rung_version());
}

static rung_status take_metadata(loader *l) {
  const char *precision;
  int count, channels, layers;
  RG_TRY(check_format(l));
  RG_TRY(rg_tensors_get_text(l->set, "precision", &precision));
  if (rung_dtype_parse(precision, &l->dtype) != RUNG_OK)
    return bad_text(l, "precision", "single, double or quad", precision);
  RG_TRY(take_list(l, "sample", RUNG_MAX_RANK, l->sample.dim, &l->sample.rank));
  RG_TRY(take_list(l, "outputs", 1, &l->outputs, &count));
  for (size_t i = 0; i < SETTINGS; i++) RG_TRY(take_setting(l, &settings_list[i]));
  RG_TRY(take_list(l, "model.channels", RUNG_MOST_STAGES, l->settings.channels, &channels));
  RG_TRY(take_list(l, "model.layers", RUNG_MOST_STAGES, l->settings.layers, &layers));
  if ((channels && channels != layers) || count != 1)
    return rg_fail(l->ctx, RUNG_E_FORMAT, "%s: channels for %d stages, layers for %d", l->file,
                   channels, layers);
  l->settings.stages = channels;
  if (rg_tensors_text(l->set, "model.exits")) /* missing: none */
    RG_TRY(take_list(l, "model.exits", RUNG_MOST_EXITS, l->settings.exit_at, &l->settings.exits));
  if (rg_tensors_text(l->set, "model.added")) /* missing: none */
    RG_TRY(take_list(l, "model.added", 1, &l->settings.added, &count));
  return take_heads(l);
}

/* All that is expected is there, and nothing else: after this, memory may be taken for it. */
static rung_status check_tensors(const loader *l) {
  const rung_network *n = l->network;
  const rg_tensor *found;
  RG_TRY(rg_tensors_get(l->set, "input.mean", RG_TENSOR_F64, 1, &n->normalised, &found));
  RG_TRY(rg_tensors_get(l->set, "input.scale", RG_TENSOR_F64, 1, &n->normalised, &found));
  RG_TRY(rg_tensors_get(l->set, "target.mean", RG_TENSOR_F64, 1, &n->outputs, &found));
  RG_TRY(rg_tensors_get(l->set, "target.scale", RG_TENSOR_F64, 1, &n->outputs, &found));
  for (int i = 0; i < rung_network_tensors(n); i++) {
    rung_tensor t;
    RG_TRY(rung_network_tensor(n, l->ctx, i, &t));
    rg_tensor_type type = lies_as(n->dtype, &t.shape);
    RG_TRY(rg_tensors_get(l->set, t.name, type, t.shape.rank, t.shape.dim, &found));
  }
  int expected = rung_network_tensors(n) + 4;
  if (l->set->count == expected) return RUNG_OK;
  return rg_fail(l->ctx, RUNG_E_FORMAT, "%s: expected the %d tensors of this network, found %d",
                 l->file, expected, l->set->count);
}

static bool is_finite(const rg_tensor *t) {
  for (int64_t i = 0; i < t->count; i++)
    if (!isfinite(t->type == RG_TENSOR_F32 ? (double)((const float *)t->data)[i]
                                           : ((const double *)t->data)[i]))
      return false;
  return true;
}

static rung_status take_numbers(const loader *l, const char *name, void *out) {
  const rg_tensor *t = rg_tensors_find(l->set, name);
  if (!is_finite(t))
    return rg_fail(l->ctx, RUNG_E_FORMAT, "%s: tensor \"%s\": a number is not finite", l->file,
                   name);
  if (t->bytes) memcpy(out, t->data, t->bytes);
  return RUNG_OK;
}

static rung_status take_tensors(const loader *l) {
  rung_network *n = l->network;
  RG_TRY(take_numbers(l, "input.mean", n->mean));
  RG_TRY(take_numbers(l, "input.scale", n->scale));
  RG_TRY(take_numbers(l, "target.mean", n->target_mean));
  RG_TRY(take_numbers(l, "target.scale", n->target_scale));
  for (int i = 0; i < rung_network_tensors(n); i++) {
    rung_tensor t;
    RG_TRY(rung_network_tensor(n, l->ctx, i, &t));
    RG_TRY(take_numbers(l, t.name, t.data));
  }
  return RUNG_OK;
}

static rung_status set_classes(const loader *l, const cJSON *json, const char *text) {
  if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != l->outputs)
    return bad_text(l, "classes", "a JSON list with a name for each output", text);
  const char **name = rg_alloc(l->ctx, (size_t)l->outputs, sizeof *name);
  if (!name) return RUNG_E_MEMORY;
  rung_status status = RUNG_OK;
  int64_t i = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, json) {
    if (!cJSON_IsString(item)) status = bad_text(l, "classes", "names", text);
    name[i++] = item->valuestring;
  }
  if (status == RUNG_OK) status = rung_network_set_classes(l->network, l->ctx, name);
  rg_free(l->ctx, name);
  return status;
}

static rung_status take_classes(const loader *l) {
  const char *text = rg_tensors_text(l->set, "classes");
  if (!text) return RUNG_OK;
  errno = 0;
  cJSON *json = cJSON_Parse(text);
  if (!json && errno == ENOMEM) return rg_fail_memory(l->ctx, strlen(text));
  rung_status status = set_classes(l, json, text);
  cJSON_Delete(json);
  return status;
}

static rung_status load(loader *l) {
  RG_TRY(take_metadata(l));
  RG_TRY(rg_network_declare_settings(l->ctx, &l->settings, &l->sample, l->outputs, l->dtype,
                                     &l->network));
  RG_TRY(check_tensors(l));
  RG_TRY(rg_network_begin(l->network, 0));
  RG_TRY(take_tensors(l));
  const char *form = rg_tensors_text(l->set, "form");
  if (form) RG_TRY(rung_network_set_form(l->network, l->ctx, form));
  return take_classes(l);
}

static rung_status load_set(rung_context *ctx, const char *file, rg_tensors *set,
                            rung_network **out) {
  loader l = {.ctx = ctx, .set = set, .file = file};
  rung_status status = load(&l);
  rg_tensors_free(set);
  if (status == RUNG_OK)
    *out = l.network;
  else
    rung_network_destroy(l.network);
  return status;
}

rung_status rg_network_load_memory(rung_context *ctx, const char *name, const void *data,
                                   size_t length, rung_network **out) {
  rg_tensors set;
  *out = NULL;
  RG_TRY(rg_tensors_read_memory(&set, ctx, name, data, length));
  return load_set(ctx, name, &set, out);
}

rung_status rung_network_load(rung_context *ctx, const char *path, rung_network **out) {
  rg_tensors set;
  *out = NULL;
  RG_TRY(rg_tensors_read(&set, ctx, path));
  return load_set(ctx, path, &set, out);
}
