/* SPDX-License-Identifier: MIT */
/*
 * The class table that a script of PyTorch's wrote beside the weights: ImageFolder's class_to_idx or its classes. What
 * a pickle holds in dictionaries and lists is metadata with dotted names. It is a table only if it gives each of the
 * head's outputs one class: under such words people keep other things, too.
 */
#include "context/context.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    bool by_index; /* "classes.0" = folder; else "class_to_idx.folder" = 0 */
} forms[] = {
    { "class_to_idx.", false }, { "mapping.", false },    { "idx_to_class.", true },
    { "classes.", true },       { "class_names.", true },
};

/* The index that the text is, if it is one below `count`. */
static bool read_index(size_t *index, const char *text, size_t count)
{
    *index = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || *index >= count)
            return false;
        *index = *index * 10 + (size_t)(*at - '0');
    }
    return *text != '\0' && *index < count;
}

/* The word as it is, or behind the keys of other dictionaries ("hyper_parameters."); NULL: it is not in the key. */
static const char *find_word(const char *key, const char *word)
{
    const char *at = strstr(key, word);

    while (at != NULL && at > key && at[-1] != '.')
        at = strstr(at + 1, word);
    return at;
}

/* The first key that is of this form; *length up to the part behind the word. */
static const char *find_first(size_t *length, const rn_checkpoint *file, const char *word)
{
    for (size_t i = 0; i < rn_checkpoint_metadata_count(file); i++) {
        const char *const key = rn_checkpoint_metadata_key(file, i), *const at = find_word(key, word);

        if (at != NULL) {
            *length = (size_t)(at - key) + strlen(word);
            return key;
        }
    }
    return NULL;
}

/* folder[i] of each index; false unless every one is there, once, and nothing else. */
static bool collect(const char **folder, size_t count, const rn_checkpoint *file, const char *first, size_t length,
                    bool by_index)
{
    size_t found = 0, index;

    memset(folder, 0, count * sizeof *folder);
    for (size_t i = 0; i < rn_checkpoint_metadata_count(file); i++) {
        const char *const key = rn_checkpoint_metadata_key(file, i);
        const char *const value = strncmp(key, first, length) == 0 ? rn_checkpoint_metadata(file, key) : NULL;

        if (value == NULL)
            continue;
        if (!read_index(&index, by_index ? key + length : value, count) || folder[index] != NULL)
            return false;
        folder[index] = by_index ? value : key + length;
        found++;
    }
    return found == count;
}

/* What people call it, if the file says so by its folder. */
static const char *name_of(const char *folder, const rn_checkpoint *file)
{
    static const char *const dictionaries[] = { "class_to_name", "cat_to_name" };
    const char *name = NULL;

    for (int i = 0; i < 2 && name == NULL; i++) {
        char key[512];

        if (snprintf(key, sizeof key, "%s.%s", dictionaries[i], folder) < (int)sizeof key)
            name = rn_checkpoint_metadata(file, key);
    }
    return name != NULL ? name : folder;
}

rn_status rn_file_class_dictionary(rn_classes **classes, rn_context *context, const rn_checkpoint *file, size_t count)
{
    const char **folder;
    rn_status status = RN_OK;
    size_t length = 0;

    *classes = NULL;
    if (count == 0 || count > rn_checkpoint_metadata_count(file))
        return RN_OK;
    folder = rn_allocate_array(&context->allocator, count, 2 * sizeof *folder);
    if (folder == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a table of %zu classes", count);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0] && *classes == NULL && status == RN_OK; i++) {
        const char *const first = find_first(&length, file, forms[i].word);
        const bool by_index = forms[i].by_index;

        /* Some have them the other way round. */
        if (first == NULL || (!collect(folder, count, file, first, length, by_index) &&
                              !collect(folder, count, file, first, length, !by_index)))
            continue;
        for (size_t k = 0; k < count; k++)
            folder[count + k] = name_of(folder[k], file);
        status = rn_classes_create(classes, context, folder, folder + count, count);
        if (status == RN_INVALID_ARGUMENT) /* one name twice: no folders */
            status = RN_OK;
    }
    rn_release(&context->allocator, (void *)folder);
    return status;
}
