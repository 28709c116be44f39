/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t signal_seen;
static const char *line; /* written before a signal can come */
static size_t line_length;

static void note(int number)
{
    const int error = errno;

    signal_seen = number;
    (void)!write(STDERR_FILENO, line, line_length);
    errno = error;
}

void interrupt_listen(const char *said)
{
    struct sigaction action = { .sa_handler = note };

    line = said;
    line_length = strlen(said);
    action.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int interrupt_signal(void)
{
    return signal_seen;
}
