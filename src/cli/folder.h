/* Folders of runs. */
#ifndef CLI_FOLDER_H
#define CLI_FOLDER_H

/* A name that is not in use for a run of this file: "data/points.csv.gz" gives "points.run", or
 * "points-2.run". In memory of malloc; NULL, with a message, where there is none. */
char *cli_free_run_name(const char *file);

/* Whether a run may be put there: a new or empty folder. CLI_SUCCESS, or a message. `command` goes
 * on with a run. */
int cli_check_new_folder(const char *folder, const char *command);

/* Makes the folders around a folder that is to be made. CLI_SUCCESS, or a message. */
int cli_make_parents(const char *folder);

#endif
