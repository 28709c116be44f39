/* SPDX-License-Identifier: MIT */
/* Ctrl-C and SIGTERM as a wish to stop at the next good moment; the second of a kind ends the program at once. */
#ifndef EXAMPLES_INTERRUPT_H
#define EXAMPLES_INTERRUPT_H

/* From now on the first of either signal is noted, and `said`, a whole line, is written to stderr. */
void interrupt_listen(const char *said);
/* The number of the signal that came; 0 if none did. */
int interrupt_signal(void);

#endif
