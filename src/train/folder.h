/* A run's folder: its files, and a log that is cut back to what the state knows of. */
#ifndef RG_FOLDER_H
#define RG_FOLDER_H

#include "base/base.h"

typedef struct rg_folder {
  rung_context *ctx;
  /* Paths; all NULL: no folder, nothing is written. `last` and `board` belong to trainings. */
  char *recipe, *log, *model, *state, *last, *board;
  const char *path;
  bool made;          /* the folder was made by this run */
  int log_file;       /* open and locked by this process, or -1 */
  int64_t log_length; /* bytes of events that stay */
} rg_folder;

/* Fills the paths. `path` NULL: no folder. */
rung_status rg_folder_init(rg_folder *folder, rung_context *ctx, const char *path);
/* Closes the log and forgets the paths. */
void rg_folder_free(rg_folder *folder);

/* Fails where a run's files are there already. */
rung_status rg_folder_check_new(const rg_folder *folder);
/* Makes the folder with a recipe and an empty log. */
rung_status rg_folder_make(rg_folder *folder, const char *recipe);
/* Takes back rg_folder_make(). */
void rg_folder_remove(rg_folder *folder);
/* Opens the log of a run that is to go on; removes what half-written files were left behind. Fails
 * where another process is at work on the run. */
rung_status rg_folder_open(rg_folder *folder);
/* Puts `text` behind the first log_length bytes of the log, in place of what follows them, and
 * waits until the disk has it. */
rung_status rg_folder_log(rg_folder *folder, const rg_text *text);

#endif
