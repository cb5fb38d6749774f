/* The bar that shows how far training is, and Ctrl-C. */
#include "terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_CELLS 12     /* the rest of 80 columns is for words */
#define BAR_INTERVAL 0.1 /* seconds between two drawings */
#define BAR_ROOM 256

static volatile sig_atomic_t interrupt_asked;

/* The handler is gone after the first time (SA_RESETHAND). */
static void on_interrupt(int number) {
  (void)number;
  interrupt_asked = 1;
}

void cli_catch_interrupt(void) {
  struct sigaction action = {.sa_handler = on_interrupt,
                             .sa_flags = (int)SA_RESETHAND | SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
}

bool cli_interrupt_asked(void) {
  return interrupt_asked;
}

cli_bar cli_bar_begin(void) {
  const char *terminal = getenv("TERM");
  return (cli_bar){.possible = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0};
}

void cli_bar_clear(cli_bar *bar) {
  if (!bar->shown) return;
  fputs("\r\x1b[K", stderr);
  fflush(stderr);
  bar->shown = false;
}

static int terminal_width(void) {
  struct winsize size;
  bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  int width = known ? size.ws_col : 80;
  return width < BAR_ROOM ? width : BAR_ROOM;
}

void cli_bar_draw(cli_bar *bar, double seconds, double fraction, const char *head,
                  const char *tail) {
  if (!bar->possible) return;
  if (bar->shown && seconds < bar->time + BAR_INTERVAL) return;
  char cells[BAR_CELLS + 1], share[8] = "", line[BAR_ROOM];
  memset(cells, ' ', BAR_CELLS);
  cells[BAR_CELLS] = 0;
  if (fraction >= 0) {
    double most = fraction > 1 ? 1 : fraction;
    memset(cells, '#', (size_t)(most * BAR_CELLS));
    snprintf(share, sizeof share, "%3.0f%%", 100 * most);
  }
  snprintf(line, sizeof line, "%s [%s] %s  %s", head, cells, share, tail);
  fprintf(stderr, "\r%.*s\x1b[K", terminal_width() - 1, line);
  fflush(stderr);
  bar->shown = true;
  bar->time = seconds;
}
