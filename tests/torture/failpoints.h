/* SPDX-License-Identifier: MIT */
/*
 * Calls that the library makes of the system, counted by kind, of which one can be made to fail.
 *
 * The linker sends the calls of everything in the program to failpoints.c (--wrap). Memory goes further where no
 * sanitizer keeps it: there malloc and its family are replaced for the shared libraries below too (libjpeg, cJSON,
 * zlib).
 */
#ifndef RN_TESTS_FAILPOINTS_H
#define RN_TESTS_FAILPOINTS_H

typedef enum fail_kind {
    FAIL_ALLOCATION,  /* ENOMEM */
    FAIL_OPEN,        /* EMFILE */
    FAIL_READ,        /* EIO */
    FAIL_MAP,         /* ENODEV */
    FAIL_STAT,        /* EIO */
    FAIL_DIRECTORY,   /* opendir, readdir, mkdir: EIO */
    FAIL_LOCK,        /* ENOLCK */
    FAIL_WRITE,       /* ENOSPC */
    FAIL_FSYNC,       /* EIO */
    FAIL_RENAME,      /* EIO */
    FAIL_CLOSE,       /* EIO, and the handle is closed, as on Linux */
    FAIL_SHORT,       /* no failure: a read or write of one byte only */
    FAIL_INTERRUPTED, /* no failure: an open, read, write or lock that a signal interrupts */
    FAIL_KINDS
} fail_kind;

extern const char *const fail_kind_name[FAIL_KINDS];

/* From here on calls are counted, and the one of this kind and number (from 0; -1: none) fails. */
void fail_begin(fail_kind kind, long number);
/* Ends that. The number of calls of each kind, until the next begin. */
const long *fail_end(void);

/* What is out now: blocks of memory (always 0 under a sanitizer, which looks for leaks itself), mappings and handles.
 */
typedef struct fail_holdings {
    long blocks, mappings, handles;
} fail_holdings;
fail_holdings fail_held(void);

#endif
