/* The bar that shows how far training is, and Ctrl-C. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

typedef struct cli_bar {
  bool possible; /* stderr is a terminal that can clear a line */
  bool shown;    /* it stands on the terminal now */
  double time;   /* when it was drawn last, in seconds */
} cli_bar;

cli_bar cli_bar_begin(void);
/* "head [######      ]  48%  tail"; a fraction below 0 is not known. Not oftener than ten times a
 * second. */
void cli_bar_draw(cli_bar *bar, double seconds, double fraction, const char *head,
                  const char *tail);
void cli_bar_clear(cli_bar *bar);

/* From now on the first Ctrl-C asks to stop, and the second one kills. */
void cli_catch_interrupt(void);
bool cli_interrupt_asked(void);

#endif
