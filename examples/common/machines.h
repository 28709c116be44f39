/* SPDX-License-Identifier: MIT */
/*
 * A program under mpirun: the processes that it started work together. The first speaks; what the others print goes
 * nowhere.
 */
#ifndef MACHINES_H
#define MACHINES_H

#include <resnet/collective.h>
#include <stdio.h>

/*
 * Joins the other processes if mpirun, mpiexec or srun has started this one: *collective is then to be handed to the
 * trainer, else NULL. 0 after a line on stderr that says why that is impossible. Standard output of all but the first
 * is closed.
 */
int machines_join(const rn_collective **collective, const char *program);
/* True in one process. */
int machines_first(void);
/* A line that says who works together; nothing where the process is alone. */
void machines_say(FILE *stream, int slices);
/*
 * Before a failure is said: true if this process has to say it. Where all have failed, which a moment tells, the first
 * does it for all.
 */
int machines_speak(void);
/* The end of the program: waits for the others, or ends them if this one alone has failed. Gives `answer` back. */
int machines_leave(int answer);

#endif
