/* Folders of runs. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "options.h"

/* "data/points.csv.gz" gives "points", a function "function". The caller frees it. */
static char *run_name(const char *file, int number) {
  const char *slash = strrchr(file, '/');
  const char *base = slash ? slash + 1 : file;
  size_t length = strcspn(base, ".");
  if (length == 0) length = strlen(base); /* a hidden file's name begins with a dot */
  size_t size = length + 24;
  char *name = malloc(size);
  if (!name) return NULL;
  if (number == 1)
    snprintf(name, size, "%.*s.run", (int)length, base);
  else
    snprintf(name, size, "%.*s-%d.run", (int)length, base, number);
  return name;
}

char *cli_free_run_name(const char *file) {
  for (int number = 1;; number++) {
    struct stat info;
    char *name = run_name(file, number);
    if (!name || stat(name, &info) != 0) {
      if (!name) cli_say("out of memory");
      return name;
    }
    free(name);
  }
}

int cli_check_new_folder(const char *folder, const char *command) {
  DIR *dir = opendir(folder);
  if (!dir && errno == ENOENT) return CLI_SUCCESS;
  if (!dir) {
    cli_say("%s: expected a new or empty folder: %s", folder, strerror(errno));
    return CLI_FAILURE;
  }
  const struct dirent *entry;
  bool empty = true;
  while ((entry = readdir(dir))) /* half-written files of a run that was killed are removed */
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
        !strstr(entry->d_name, ".tmp-"))
      empty = false;
  closedir(dir);
  if (empty) return CLI_SUCCESS;
  cli_say("%s: expected a new or empty folder, found files in it; choose another with -o, or go on "
          "with a run by rung %s --resume %s",
          folder, command, folder);
  return CLI_FAILURE;
}

int cli_make_parents(const char *folder) {
  char *path = strdup(folder);
  int status = CLI_SUCCESS;
  if (!path) {
    cli_say("out of memory");
    return CLI_FAILURE;
  }
  for (char *slash = strchr(path + 1, '/'); slash && slash[1]; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    if (!status && mkdir(path, 0777) != 0 && errno != EEXIST) {
      cli_say("%s: cannot be made: %s", path, strerror(errno));
      status = CLI_FAILURE;
    }
    *slash = '/';
  }
  free(path);
  return status;
}
