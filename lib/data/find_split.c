/* SPDX-License-Identifier: MIT */
/* Which folder of a folder holds the training photos, and which those for validation: people have many names for
 * them. */
#include "base/file.h"
#include "context/context.h"
#include <resnet/dataset.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAMES = 4 };

static const char *const names_of[][NAMES] = {
    [RN_SPLIT_TRAIN] = { "train", "training" },
    [RN_SPLIT_VALID] = { "val", "valid", "validation", "dev" },
    [RN_SPLIT_TEST] = { "test", "testing" },
};

static bool is_called(const char *folder, const char *const *names)
{
    for (size_t i = 0; i < NAMES && names[i] != NULL; i++)
        if (strcasecmp(folder, names[i]) == 0)
            return true;
    return false;
}

/* The first folder of these names, or NULL; `*other` is a second one, or NULL. */
static const char *find(const char **other, const rn_names *folders, const char *const *names)
{
    const char *found = NULL;

    *other = NULL;
    for (size_t i = 0; i < folders->count && *other == NULL; i++) {
        if (is_called(folders->name[i], names))
            *(found == NULL ? &found : other) = folders->name[i];
    }
    return found;
}

static rn_status choose(char *path, size_t size, rn_message *message, const char *root, const rn_names *folders,
                        rn_split split)
{
    const char *const *names = names_of[split], *other;
    const char *found = find(&other, folders, names);
    int length;

    if (found == NULL && split == RN_SPLIT_VALID)
        found = find(&other, folders, names_of[RN_SPLIT_TEST]);
    if (found == NULL)
        return rn_fail(message, RN_FORMAT, "%s: no folder in it is called %s%s%s%s", root, names[0],
                       split == RN_SPLIT_VALID ? ", " : " or ", names[1],
                       split == RN_SPLIT_VALID ? ", validation, dev or test" : "");
    if (other != NULL)
        return rn_fail(message, RN_FORMAT, "%s: has both %s and %s: which one is meant? Rename the other", root, found,
                       other);
    length = snprintf(path, size, "%s%s%s", root, root[strlen(root) - 1] == '/' ? "" : "/", found);
    return length >= 0 && (size_t)length < size
               ? RN_OK
               : rn_fail(message, RN_INVALID_ARGUMENT, "%s/%s: does not fit %zu bytes", root, found, size);
}

rn_status rn_image_folder_find_split(char *path, size_t size, rn_context *context, const char *root, rn_split split)
{
    rn_names folders;
    rn_status status;

    if (path != NULL && size > 0)
        path[0] = '\0';
    if (context == NULL)
        return rn_fail_null("rn_image_folder_find_split", "context");
    if (path == NULL || root == NULL || root[0] == '\0')
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_image_folder_find_split: no %s",
                       path == NULL ? "path" : "root");
    if ((unsigned)split > RN_SPLIT_TEST)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "no such part of a folder: %d", (int)split);
    status = rn_directory_list(&folders, &context->allocator, root, true, &context->message);
    if (status != RN_OK)
        return status;
    status = choose(path, size, &context->message, root, &folders, split);
    if (status != RN_OK && size > 0)
        path[0] = '\0';
    rn_names_release(&folders, &context->allocator);
    return status;
}
