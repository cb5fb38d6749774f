/* A run's folder. Every file but the log is written whole or not at all, by rg_write_file(). */
#include "train/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rung/run.h"

static const char *const names[] = {RUNG_RUN_RECIPE, RUNG_RUN_LOG,  RUNG_RUN_MODEL, RUNG_RUN_STATE,
                                    RUNG_RUN_REPORT, RUNG_RUN_LAST, RUNG_RUN_BOARD};
#define NAMES (sizeof names / sizeof *names)

static char *join(const rg_folder *f, const char *name) {
  rg_text text;
  size_t length = strlen(f->path);
  rg_text_init(&text, f->ctx);
  rg_text_printf(&text, "%s%s%s", f->path, length && f->path[length - 1] == '/' ? "" : "/", name);
  if (rg_text_status(&text) == RUNG_OK) return text.data;
  rg_text_free(&text);
  return NULL;
}

rung_status rg_folder_init(rg_folder *folder, rung_context *ctx, const char *path) {
  *folder = (rg_folder){.ctx = ctx, .path = path, .log_file = -1};
  if (!path) return RUNG_OK;
  folder->recipe = join(folder, RUNG_RUN_RECIPE);
  folder->log = join(folder, RUNG_RUN_LOG);
  folder->model = join(folder, RUNG_RUN_MODEL);
  folder->state = join(folder, RUNG_RUN_STATE);
  folder->last = join(folder, RUNG_RUN_LAST);
  folder->board = join(folder, RUNG_RUN_BOARD);
  if (folder->recipe && folder->log && folder->model && folder->state && folder->last &&
      folder->board)
    return RUNG_OK;
  rg_folder_free(folder);
  return RUNG_E_MEMORY;
}

void rg_folder_free(rg_folder *folder) {
  if (folder->log_file >= 0) close(folder->log_file);
  rg_free(folder->ctx, folder->recipe);
  rg_free(folder->ctx, folder->log);
  rg_free(folder->ctx, folder->model);
  rg_free(folder->ctx, folder->state);
  rg_free(folder->ctx, folder->last);
  rg_free(folder->ctx, folder->board);
  *folder = (rg_folder){.log_file = -1};
}

rung_status rg_folder_check_new(const rg_folder *folder) {
  struct stat info;
  if (!folder->path) return RUNG_OK;
  if (stat(folder->path, &info) == 0 && !S_ISDIR(info.st_mode))
    return rg_fail(folder->ctx, RUNG_E_IO, "%s: expected a folder, found a file", folder->path);
  for (size_t i = 0; i < NAMES; i++) {
    char *path = join(folder, names[i]);
    if (!path) return RUNG_E_MEMORY;
    bool there = stat(path, &info) == 0;
    rg_free(folder->ctx, path);
    if (there)
      return rg_fail(folder->ctx, RUNG_E_ARGUMENT,
                     "%s: holds a run already (%s): resume it or choose another folder",
                     folder->path, names[i]);
  }
  return RUNG_OK;
}

static rung_status open_log(rg_folder *folder) {
  folder->log_file = open(folder->log, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (folder->log_file < 0)
    return rg_fail(folder->ctx, RUNG_E_IO, "%s: cannot be opened: %s", folder->log,
                   strerror(errno));
  if (flock(folder->log_file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return RUNG_OK;
  return rg_fail(folder->ctx, RUNG_E_IO, "%s: another process is at work on this run",
                 folder->path);
}

/* "log.jsonl.tmp-123": what rg_write_file() leaves behind where it is killed; and the file of
 * features (features.c), which has a name but for a moment. */
static bool is_left_behind(const char *name) {
  static const char mark[] = ".tmp-", features[] = "features.tmp-";
  if (strncmp(name, features, sizeof features - 1) == 0) return true;
  for (size_t i = 0; i < NAMES; i++) {
    size_t length = strlen(names[i]);
    if (strncmp(name, names[i], length) == 0 && strncmp(name + length, mark, sizeof mark - 1) == 0)
      return true;
  }
  return false;
}

static void tidy(const rg_folder *folder) {
  DIR *dir = opendir(folder->path);
  if (!dir) return;
  for (const struct dirent *entry; (entry = readdir(dir));)
    if (is_left_behind(entry->d_name)) unlinkat(dirfd(dir), entry->d_name, 0);
  closedir(dir);
}

rung_status rg_folder_make(rg_folder *folder, const char *recipe) {
  if (mkdir(folder->path, 0777) == 0)
    folder->made = true;
  else if (errno == ENOENT)
    return rg_fail(folder->ctx, RUNG_E_IO,
                   "%s: cannot be made, for the folder around it does not exist", folder->path);
  else if (errno != EEXIST)
    return rg_fail(folder->ctx, RUNG_E_IO, "%s: cannot be made: %s", folder->path, strerror(errno));
  tidy(folder);
  RG_TRY(rg_write_file(folder->ctx, folder->recipe, recipe, strlen(recipe)));
  return open_log(folder);
}

void rg_folder_remove(rg_folder *folder) {
  unlink(folder->state);
  unlink(folder->board);
  unlink(folder->log);
  unlink(folder->recipe);
  if (folder->made) rmdir(folder->path);
}

rung_status rg_folder_open(rg_folder *folder) {
  RG_TRY(open_log(folder));
  tidy(folder);
  return RUNG_OK;
}

/* Of a log that is shorter than the state says, the lines that are whole. */
static int64_t whole_lines(int file, int64_t length) {
  char last;
  while (length > 0 && pread(file, &last, 1, length - 1) == 1 && last != '\n') length--;
  return length;
}

rung_status rg_folder_log(rg_folder *folder, const rg_text *text) {
  if (!folder->path || !text->length) return RUNG_OK;
  int file = folder->log_file;
  struct stat info;
  bool good = fstat(file, &info) == 0;
  if (good && info.st_size < folder->log_length)
    folder->log_length = whole_lines(file, info.st_size);
  good = good && ftruncate(file, folder->log_length) == 0;
  for (size_t done = 0; good && done < text->length;) {
    ssize_t put =
        pwrite(file, text->data + done, text->length - done, folder->log_length + (off_t)done);
    if (put < 0 && errno == EINTR) continue;
    good = put >= 0;
    if (good) done += (size_t)put;
  }
  if (good && fsync(file) != 0) good = errno == EINVAL || errno == EROFS;
  if (!good)
    return rg_fail(folder->ctx, RUNG_E_IO, "%s: cannot be written: %s", folder->log,
                   strerror(errno));
  folder->log_length += (int64_t)text->length;
  return RUNG_OK;
}
