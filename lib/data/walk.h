/* SPDX-License-Identifier: MIT */
/* The folders below a folder, each real one once however many links lead to it. */
#ifndef RN_DATA_WALK_H
#define RN_DATA_WALK_H

#include "base/file.h"

enum {
    RN_WALK_DEPTH = 32,       /* of folders in folders */
    RN_WALK_FOLDERS = 1 << 20 /* below one class */
};

/*
 * `root` and all folders below it but hidden ones (endings.h), sorted by their whole path. Links are followed; a
 * directory that links reach again, also one that contains them, is left out: the first path to it, by name, stands.
 * Reads each real directory once: a ladder of links cannot multiply the work. RN_IO; RN_FORMAT: deeper than
 * RN_WALK_DEPTH or over RN_WALK_FOLDERS; RN_NO_MEMORY. Release with rn_names_release.
 */
rn_status rn_walk(rn_names *folders, const rn_allocator *allocator, const char *root, rn_message *message);

#endif
