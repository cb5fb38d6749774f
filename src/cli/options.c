/* Reads command lines by the option tables, and says what is wrong with them. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define MOST_NAMES 64 /* options of a command, commands */
#define LONGEST 40    /* of a word that gets a suggestion */

static const char *speaker = "";

void cli_set_speaker(const char *command) {
  speaker = command;
}

static void begin_message(void) {
  fflush(stdout);
  fprintf(stderr, "rung%s%s: ", *speaker ? " " : "", speaker);
}

void cli_say(const char *format, ...) {
  va_list args;
  begin_message();
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
}

int cli_usage(const char *format, ...) {
  va_list args;
  begin_message();
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "; see rung %s%s--help\n", speaker, *speaker ? " " : "");
  return CLI_USAGE;
}

static int least(int a, int b) {
  return a < b ? a : b;
}

/* Insertions, deletions, changes and swaps of neighbours that turn one word into the other
 * (optimal string alignment distance). */
static int edits(const char *a, const char *b) {
  int d[LONGEST + 1][LONGEST + 1];
  int m = (int)strlen(a), n = (int)strlen(b);
  if (m > LONGEST || n > LONGEST) return m + n;
  for (int i = 0; i <= m; i++) d[i][0] = i;
  for (int j = 0; j <= n; j++) d[0][j] = j;
  for (int i = 1; i <= m; i++) {
    for (int j = 1; j <= n; j++) {
      d[i][j] =
          least(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]), 1 + least(d[i - 1][j], d[i][j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[m][n];
}

const char *cli_nearest(const char *word, int count, const char *const *list) {
  const char *best = NULL;
  int length = (int)strlen(word), most = length / 2 < 3 ? length / 2 : 3, found = most + 1;
  for (int i = 0; i < count; i++) {
    int distance = edits(word, list[i]);
    bool begins = length >= 3 && strncmp(word, list[i], (size_t)length) == 0;
    if (begins) distance = 0;
    if (distance < found) {
      found = distance;
      best = list[i];
    }
  }
  return best;
}

const char *cli_value(const cli_args *args, const char *name) {
  for (int i = args->given_count; i-- > 0;) {
    const cli_option *option = args->given[i].option;
    if (option && strcmp(option->name, name) == 0) return args->given[i].value;
  }
  return NULL;
}

bool cli_given(const cli_args *args, const char *name) {
  return cli_value(args, name) != NULL;
}

/* Splits a list of words at blanks into `list`, copied to `room`. */
static int split_words(const char *words, char *room, size_t size, const char **list) {
  snprintf(room, size, "%s", words);
  int count = 0;
  for (char *at = strtok(room, " "); at && count < MOST_NAMES; at = strtok(NULL, " "))
    list[count++] = at;
  return count;
}

static int check_choice(const cli_option *option, const char *value) {
  char room[256];
  const char *list[MOST_NAMES];
  int count = split_words(option->choices, room, sizeof room, list);
  for (int i = 0; i < count; i++)
    if (strcmp(list[i], value) == 0) return CLI_SUCCESS;
  const char *near = cli_nearest(value, count, list);
  return cli_usage("--%s: expected one of: %s; found '%s'%s%s%s", option->name, option->choices,
                   value, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

/* Whether a value fits the option's kind. What it means is for the library to judge. */
static int check_value(const cli_option *option, const char *value) {
  char *end;
  errno = 0;
  if (option->kind == CLI_CHOICE) return check_choice(option, value);
  if (option->kind == CLI_WHOLE) {
    long long number = strtoll(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || number < 0 || errno)
      return cli_usage("--%s: expected a whole number, 0 or more; found '%s'", option->name, value);
  }
  if (option->kind == CLI_NUMBER) {
    double number = strtod(value, &end);
    if (end == value || *end || !(number >= 0) || !isfinite(number))
      return cli_usage("--%s: expected a number, 0 or more; found '%s'", option->name, value);
  }
  if (option->kind != CLI_TEXT && !*value)
    return cli_usage("--%s: expected %s, found nothing", option->name, option->metavar);
  return CLI_SUCCESS;
}

static int take_value(cli_args *out, const cli_option *option, const char *value) {
  if (!option->repeatable && cli_given(out, option->name))
    return cli_usage("--%s is given twice", option->name);
  if (option->kind != CLI_FLAG) {
    int status = check_value(option, value);
    if (status) return status;
  }
  out->given[out->given_count].option = option;
  out->given[out->given_count++].value = value;
  return CLI_SUCCESS;
}

static int unknown_option(const cli_command *command, const char *word, size_t length) {
  char name[LONGEST + 2];
  const char *list[MOST_NAMES];
  int count = 0;
  for (const cli_option *o = command->options; o->name && count < MOST_NAMES; o++)
    list[count++] = o->name;
  snprintf(name, sizeof name, "%.*s", (int)length, word + 2);
  const char *near = cli_nearest(name, count, list);
  if (near)
    return cli_usage("unknown option '--%.*s'; did you mean '--%s'?", (int)length, word + 2, near);
  return cli_usage("unknown option '--%.*s'", (int)length, word + 2);
}

/* A word that begins with --; `*at` moves over the next word where that is its value. */
static int take_long(cli_args *out, int count, char **words, int *at) {
  const char *word = words[*at], *equals = strchr(word, '=');
  size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
  const cli_option *o = out->command->options;
  while (o->name && !(strlen(o->name) == length && memcmp(o->name, word + 2, length) == 0)) o++;
  if (!o->name) return unknown_option(out->command, word, length);
  if (o->kind == CLI_FLAG) {
    if (equals) return cli_usage("--%s takes no value, found '%s'", o->name, equals + 1);
    return take_value(out, o, "");
  }
  if (equals) return take_value(out, o, equals + 1);
  if (*at + 1 >= count) return cli_usage("--%s needs a value: %s", o->name, o->metavar);
  return take_value(out, o, words[++*at]);
}

/* A word that begins with one dash: one letter, its value behind it or in the next word. */
static int take_short(cli_args *out, int count, char **words, int *at) {
  const char *word = words[*at];
  const cli_option *o = out->command->options;
  while (o->name && o->letter != word[1]) o++;
  if (!o->name || (o->kind == CLI_FLAG && word[2])) return cli_usage("unknown option '%s'", word);
  if (o->kind == CLI_FLAG) return take_value(out, o, "");
  if (word[2]) return take_value(out, o, word + 2);
  if (*at + 1 >= count) return cli_usage("-%c needs a value: %s", o->letter, o->metavar);
  return take_value(out, o, words[++*at]);
}

static bool asks_for_help(int count, char **words) {
  for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
    if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return true;
  return false;
}

static int take_words(cli_args *out, int count, char **words) {
  bool options = true;
  for (int i = 0; i < count; i++) {
    int status = CLI_SUCCESS;
    if (options && strcmp(words[i], "--") == 0)
      options = false;
    else if (options && strncmp(words[i], "--", 2) == 0)
      status = take_long(out, count, words, &i);
    else if (options && words[i][0] == '-' && words[i][1])
      status = take_short(out, count, words, &i);
    else
      out->argument[out->count++] = words[i];
    if (status) return status;
  }
  return CLI_SUCCESS;
}

int cli_parse(const cli_command *command, int count, char **words, cli_args *out) {
  *out = (cli_args){.command = command};
  out->argument = calloc((size_t)count + 1, sizeof *out->argument);
  out->given = calloc((size_t)count + 1, sizeof *out->given);
  if (!out->argument || !out->given) {
    cli_say("out of memory");
    return CLI_FAILURE;
  }
  if (asks_for_help(count, words)) {
    const cli_option *o = command->options;
    while (strcmp(o->name, "help") != 0) o++;
    out->given[out->given_count++] = (struct cli_given){o, ""};
    return CLI_SUCCESS;
  }
  int status = take_words(out, count, words);
  if (status) return status;
  if (out->count > command->most) return cli_usage("unexpected '%s'", out->argument[command->most]);
  if (out->count < command->least) return cli_usage("expected %s", command->usage[0]);
  return CLI_SUCCESS;
}

void cli_args_free(cli_args *args) {
  free(args->argument);
  free(args->given);
}
