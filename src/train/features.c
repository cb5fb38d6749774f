#include "train/features.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "nn/module.h"

/* At most what an allocation takes beside its bytes. */
#define BLOCK 128
/* Samples at once, at most: few of a batch are missing once a turn's first epoch is over. */
#define MOST_AT_ONCE 16
/* A byte read from the disk or written there, in bytes of memory. */
#define DISK_PRICE 25

struct rg_features {
  rung_context *ctx;
  int modules;
  rung_network *const *part; /* [modules] */
  rg_inference *body[RUNG_MOST_EXITS];
  size_t bytes[RUNG_MOST_EXITS + 1]; /* of a sample that passed through so many modules */
  int64_t batch, at_once;
  char *batch_out;    /* [batch] samples of any level */
  char *scratch[2];   /* [at_once] samples of any level */
  unsigned char *has; /* [batch]: levels from which the samples of a batch go on */
  int64_t *row;       /* [at_once]: of the batch */
  /* What is kept. */
  rg_features_place place; /* never RG_FEATURES_AUTO */
  double share;            /* of the cost of recomputing, by the model */
  char why[160];           /* of recomputing */
  int64_t samples, range, used;
  size_t each;          /* bytes of a place */
  int64_t *place_of;    /* [range]: -1: none yet */
  unsigned char *level; /* [samples], by place; 0: nothing is there */
  int highest;          /* of level[] */
  char *kept;           /* [samples][each] */
  const char *folder;   /* borrowed */
  int file;             /* -1: none yet */
  bool news;
};

/* ---- making ---- */

static size_t most_bytes(const rg_features *f, int from) {
  size_t most = 0;
  for (int k = from; k < f->modules; k++)
    if (f->bytes[k] > most) most = f->bytes[k];
  return most;
}

static rung_status make_bodies(rg_features *f) {
  f->bytes[0] = rg_state_bytes(f->part[0], 0, 1);
  for (int k = 1; k < f->modules; k++) {
    const rung_network *p = f->part[k - 1];
    f->bytes[k] = rg_state_bytes(p, p->blocks.count - 1, 1);
    RG_TRY(rg_inference_create_to(p, f->ctx, f->at_once, RG_BODY, &f->body[k - 1]));
  }
  return rg_inference_share(f->modules - 1, f->body);
}

static rung_status make(rg_features *f) {
  RG_TRY(make_bodies(f));
  f->batch_out = rg_alloc(f->ctx, (size_t)f->batch, most_bytes(f, 1));
  for (int i = 0; i < 2; i++) {
    f->scratch[i] = rg_alloc(f->ctx, (size_t)f->at_once, most_bytes(f, 0));
    if (!f->scratch[i]) return RUNG_E_MEMORY;
  }
  f->has = rg_alloc(f->ctx, (size_t)f->batch, sizeof *f->has);
  f->row = rg_alloc(f->ctx, (size_t)f->at_once, sizeof *f->row);
  return f->batch_out && f->has && f->row ? RUNG_OK : RUNG_E_MEMORY;
}

rung_status rg_features_create(rung_context *ctx, int modules, rung_network *const *part,
                               int64_t batch, rg_features **out) {
  *out = NULL;
  rg_features *f = rg_calloc(ctx, 1, sizeof *f);
  if (!f) return RUNG_E_MEMORY;
  f->ctx = ctx;
  f->modules = modules;
  f->part = part;
  f->batch = batch;
  f->at_once = batch < MOST_AT_ONCE ? batch : MOST_AT_ONCE;
  f->place = RG_FEATURES_RECOMPUTE;
  f->file = -1;
  snprintf(f->why, sizeof f->why, "batches do not tell which samples they hold");
  rung_status status = make(f);
  if (status == RUNG_OK)
    *out = f;
  else
    rg_features_destroy(f);
  return status;
}

static void drop_kept(rg_features *f) {
  if (f->file >= 0) close(f->file);
  f->file = -1;
  rg_free(f->ctx, f->place_of);
  rg_free(f->ctx, f->level);
  rg_free(f->ctx, f->kept);
  f->place_of = NULL;
  f->level = NULL;
  f->kept = NULL;
  f->highest = 0;
  f->place = RG_FEATURES_RECOMPUTE;
}

void rg_features_destroy(rg_features *f) {
  if (!f) return;
  drop_kept(f);
  for (int k = f->modules - 2; k >= 0; k--) /* the first lends to the others */
    rg_inference_destroy(f->body[k]);
  rg_free(f->ctx, f->batch_out);
  rg_free(f->ctx, f->scratch[0]);
  rg_free(f->ctx, f->scratch[1]);
  rg_free(f->ctx, f->has);
  rg_free(f->ctx, f->row);
  rg_free(f->ctx, f);
}

/* ---- choosing ---- */

static const char *const place_names[] = {"auto", "memory", "disk", "recompute"};

rg_features_place rg_features_place_of(const char *name) {
  for (int i = RG_FEATURES_AUTO; i < RG_FEATURES_RECOMPUTE; i++)
    if (strcmp(name, place_names[i]) == 0) return (rg_features_place)i;
  return RG_FEATURES_RECOMPUTE;
}

/* Of the list of places and levels, without the features themselves. */
static size_t index_bytes(int64_t samples, int64_t range) {
  return (size_t)range * sizeof(int64_t) + (size_t)samples + 3 * BLOCK;
}

size_t rg_features_bytes(const rung_network *n, int64_t samples, int64_t range) {
  size_t most = 0;
  for (int e = 0; e < n->exits.count; e++) {
    size_t bytes = rg_state_bytes(n, rg_cut_behind(n, n->settings.exit_at[e]).block, 1);
    if (bytes > most) most = bytes;
  }
  return most * (size_t)samples + index_bytes(samples, range);
}

/* Bytes of the states that a module's layers give, of a sample. */
static double states_of(const rung_network *part) {
  double sum = 0;
  for (int i = 0; i < part->blocks.count - 1; i++)
    sum += (double)part->blocks.list[i].layers * (double)rg_state_bytes(part, i + 1, 1);
  return sum;
}

typedef struct costs {
  double recompute, memory, disk;
} costs;

static double keep_cost(const rg_features *f, int level, double epochs, double price) {
  double before = level > 1 ? (double)f->bytes[level - 1] : 0;
  return price * (before + epochs * (double)f->bytes[level]);
}

/* Of a sample, over a turn of each module but the first. */
static costs costs_of(const rg_features *f, double epochs) {
  costs c = {0, 0, 0};
  double before = 0;
  for (int level = 1; level < f->modules; level++) {
    const rung_network *p = f->part[level - 1];
    double work = rg_body_cost(p) + states_of(p);
    before += work;
    c.recompute += epochs * before;
    c.memory += work + keep_cost(f, level, epochs, 1);
    c.disk += work + keep_cost(f, level, epochs, DISK_PRICE);
  }
  return c;
}

static void recompute_because(rg_features *f, const char *why) {
  f->place = RG_FEATURES_RECOMPUTE;
  snprintf(f->why, sizeof f->why, "%s", why);
}

/* Where the system has not as much as is allowed, nothing is lost but time. */
static rung_status take_memory(rg_features *f, const rg_features_wish *w) {
  f->kept = rg_alloc(f->ctx, (size_t)f->samples, f->each);
  if (f->kept) return RUNG_OK;
  if (w->place == RG_FEATURES_MEMORY) return RUNG_E_MEMORY;
  rung_clear_error(f->ctx);
  recompute_because(f, "the system has no memory for them");
  return RUNG_OK;
}

static rung_status take_index(rg_features *f) {
  f->place_of = rg_alloc(f->ctx, (size_t)f->range, sizeof *f->place_of);
  f->level = rg_calloc(f->ctx, (size_t)f->samples, sizeof *f->level);
  if (!f->place_of || !f->level) return RUNG_E_MEMORY;
  for (int64_t i = 0; i < f->range; i++) f->place_of[i] = -1;
  f->used = 0;
  return RUNG_OK;
}

/* The cheapest place that there is room for; recomputing says why. */
static void choose(rg_features *f, const rg_features_wish *w, const costs *c, size_t all) {
  size_t index = index_bytes(f->samples, f->range);
  rg_features_place wished = w->place;
  bool any = wished == RG_FEATURES_AUTO;
  f->place = RG_FEATURES_RECOMPUTE;
  if (wished == RG_FEATURES_RECOMPUTE)
    recompute_because(f, "as asked for");
  else if (f->modules < 2)
    recompute_because(f, "there is but one module");
  else if (w->vary)
    recompute_because(f, w->vary);
  else if (any && c->memory >= c->recompute)
    recompute_because(f, "that is cheaper than keeping them");
  else if (wished == RG_FEATURES_MEMORY || (any && all <= w->memory))
    f->place = RG_FEATURES_MEMORY;
  else if (!w->folder)
    recompute_because(f, any ? "they do not fit into memory, and there is no folder"
                             : "there is no folder for a file");
  else if (any && c->disk >= c->recompute)
    recompute_because(f, "they do not fit into memory, and that is cheaper than the disk");
  else if (index > w->memory)
    recompute_because(f, "there is no memory for a list of them");
  else
    f->place = RG_FEATURES_DISK;
}

rung_status rg_features_keep(rg_features *f, const rg_features_wish *w) {
  costs c = costs_of(f, w->epochs);
  if (isnan(c.recompute)) return RUNG_E_MEMORY;
  drop_kept(f);
  f->samples = w->samples;
  f->range = w->range;
  f->folder = w->folder;
  f->each = most_bytes(f, 1);
  size_t all = index_bytes(f->samples, f->range) + (size_t)f->samples * f->each;
  choose(f, w, &c, all);
  if (f->place == RG_FEATURES_MEMORY && all > w->memory)
    return rg_fail(f->ctx, RUNG_E_BUDGET, "features take %zu bytes, of %zu that are left", all,
                   w->memory);
  if (f->place == RG_FEATURES_MEMORY) RG_TRY(take_memory(f, w));
  f->share = (f->place == RG_FEATURES_DISK ? c.disk : c.memory) / c.recompute;
  return f->place == RG_FEATURES_RECOMPUTE ? RUNG_OK : take_index(f);
}

rg_features_place rg_features_where(const rg_features *f) {
  return f->place;
}

void rg_features_tell(const rg_features *f, rg_text *out) {
  if (f->place == RG_FEATURES_RECOMPUTE)
    rg_text_printf(out, "features of frozen modules: recomputed (%s)", f->why);
  else
    rg_text_printf(out, "features of frozen modules: %s, %.2f MB, %.3f of the work of recomputing",
                   f->place == RG_FEATURES_DISK ? "on disk" : "in memory",
                   (double)f->each * (double)f->samples / 1e6, f->share);
}

/* ---- places ---- */

/* Nothing is kept any longer. False, for those who failed. */
static bool give_up(rg_features *f, const char *what, const char *why) {
  drop_kept(f);
  snprintf(f->why, sizeof f->why, "%.100s: %.50s", what, why);
  f->news = true;
  return false;
}

/* A file that has no name any longer, so that it goes with the process. */
static bool open_file(rg_features *f) {
  char path[4096], what[160];
  struct statvfs disk;
  int length = snprintf(path, sizeof path, "%s/features.tmp-%ld", f->folder, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof path)
    return give_up(f, "the file of features cannot be made", "the name is too long");
  unlink(path);
  f->file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (f->file < 0) return give_up(f, "the file of features cannot be made", strerror(errno));
  unlink(path);
  double need = (double)f->each * (double)f->samples;
  if (fstatvfs(f->file, &disk) != 0) return true;
  double room = (double)disk.f_bavail * (double)disk.f_frsize;
  if (need <= room) return true;
  snprintf(what, sizeof what, "features take %.2f MB of disk", need / 1e6);
  snprintf(path, sizeof path, "%.2f MB are free", room / 1e6);
  return give_up(f, what, path);
}

static bool write_file(rg_features *f, int64_t place, const char *data, size_t bytes) {
  off_t at = (off_t)place * (off_t)f->each;
  if (f->file < 0 && !open_file(f)) return false;
  while (bytes) {
    ssize_t put = pwrite(f->file, data, bytes, at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0)
      return give_up(f, "the file of features cannot be written", strerror(put ? errno : ENOSPC));
    data += put;
    at += put;
    bytes -= (size_t)put;
  }
  return true;
}

static bool read_file(rg_features *f, int64_t place, char *data, size_t bytes) {
  off_t at = (off_t)place * (off_t)f->each;
  while (bytes) {
    ssize_t got = pread(f->file, data, bytes, at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return give_up(f, "the file of features cannot be read", got ? strerror(errno) : "it ends");
    data += got;
    at += got;
    bytes -= (size_t)got;
  }
  return true;
}

/* The place of a sample; of one that comes for the first time, if `make`. -1: it has none. */
static int64_t place_of(rg_features *f, int64_t sample, bool make_one) {
  if (sample < 0 || sample >= f->range) return -1;
  if (f->place_of[sample] < 0 && make_one && f->used < f->samples) f->place_of[sample] = f->used++;
  return f->place_of[sample];
}

static int level_of(rg_features *f, int64_t sample) {
  int64_t place = place_of(f, sample, false);
  return place < 0 ? 0 : f->level[place];
}

static bool put(rg_features *f, int64_t sample, int level, const char *data) {
  int64_t place = place_of(f, sample, true);
  size_t bytes = f->bytes[level];
  if (place < 0) return true;
  if (f->place == RG_FEATURES_MEMORY)
    memcpy(f->kept + (size_t)place * f->each, data, bytes);
  else if (!write_file(f, place, data, bytes))
    return false;
  f->level[place] = (unsigned char)level;
  if (level > f->highest) f->highest = level;
  return true;
}

/* Of a sample that has that level. */
static bool take(rg_features *f, int64_t sample, int level, char *data) {
  int64_t place = f->place_of[sample];
  size_t bytes = f->bytes[level];
  if (f->place == RG_FEATURES_DISK) return read_file(f, place, data, bytes);
  memcpy(data, f->kept + (size_t)place * f->each, bytes);
  return true;
}

/* ---- use ---- */

/* A batch that is on its way: from what is kept, or all of it from x where `sample` is NULL. */
typedef struct batch_on {
  rg_features *f;
  int level;
  const int64_t *sample;
  const char *x;
} batch_on;

/* row[0..count), of level `from`, into scratch[0]. */
static bool gather(const batch_on *b, int from, int64_t count) {
  rg_features *f = b->f;
  size_t bytes = f->bytes[from];
  for (int64_t i = 0; i < count; i++) {
    char *to = f->scratch[0] + (size_t)i * bytes;
    if (from == 0)
      memcpy(to, b->x + (size_t)f->row[i] * bytes, bytes);
    else if (!take(f, b->sample[f->row[i]], from, to))
      return false;
  }
  return true;
}

/* *kept: false where the disk failed. */
static rung_status go_on(const batch_on *b, int from, int64_t count, bool *kept) {
  rg_features *f = b->f;
  size_t bytes = f->bytes[b->level];
  *kept = gather(b, from, count);
  if (!*kept) return RUNG_OK;
  for (int k = from; k < b->level; k++)
    RG_TRY(rg_inference_run_body(f->body[k], count, f->scratch[(k - from) % 2],
                                 f->scratch[(k - from + 1) % 2]));
  const char *out = f->scratch[(b->level - from) % 2];
  for (int64_t i = 0; i < count && *kept; i++) {
    memcpy(f->batch_out + (size_t)f->row[i] * bytes, out + (size_t)i * bytes, bytes);
    if (b->sample) *kept = put(f, b->sample[f->row[i]], b->level, out + (size_t)i * bytes);
  }
  return RUNG_OK;
}

/* Takes row i as it is kept, where it is there; a sample may stand in a batch twice. */
static bool take_row(const batch_on *b, int64_t i, bool *kept) {
  rg_features *f = b->f;
  if (!b->sample || level_of(f, b->sample[i]) != b->level) return false;
  *kept = take(f, b->sample[i], b->level, f->batch_out + (size_t)i * f->bytes[b->level]);
  return true;
}

/* All samples of the batch that go on from level `from`. */
static rung_status go_on_all(const batch_on *b, int from, bool *kept) {
  rg_features *f = b->f;
  int64_t count = 0;
  for (int64_t i = 0; i < f->batch && *kept; i++) {
    if (f->has[i] == from && !take_row(b, i, kept)) f->row[count++] = i;
    if (count == f->at_once) {
      RG_TRY(go_on(b, from, count, kept));
      count = 0;
    }
  }
  return count && *kept ? go_on(b, from, count, kept) : RUNG_OK;
}

static rung_status get(const batch_on *b, bool *kept) {
  rg_features *f = b->f;
  *kept = true;
  for (int64_t i = 0; i < f->batch; i++)
    f->has[i] = (unsigned char)(b->sample ? level_of(f, b->sample[i]) : 0);
  for (int from = 0; from <= b->level && *kept; from++) RG_TRY(go_on_all(b, from, kept));
  return RUNG_OK;
}

rung_status rg_features_get(rg_features *f, int level, const int64_t *sample, const void *x,
                            const void **out) {
  if (level < f->highest) rg_features_forget(f); /* a module that they came through changes now */
  *out = level ? f->batch_out : x;
  if (!level) return RUNG_OK;
  bool kept, keeps = f->place != RG_FEATURES_RECOMPUTE;
  batch_on b = {f, level, keeps ? sample : NULL, x};
  RG_TRY(get(&b, &kept));
  if (kept) return RUNG_OK;
  b.sample = NULL;
  return get(&b, &kept);
}

void rg_features_forget(rg_features *f) {
  if (f->level) memset(f->level, 0, (size_t)f->samples);
  f->highest = 0;
}

const char *rg_features_news(rg_features *f) {
  bool news = f->news;
  f->news = false;
  return news ? f->why : NULL;
}
