/* SPDX-License-Identifier: MIT */
/* Lists in the metadata of a model file, and the class table among them. */
#include "store/description.h"

#include "checkpoint/checkpoint.h"
#include "store/keys.h"
#include "store/store.h"

#include <string.h>

rn_status rn_file_blame(rn_context *context, rn_status status, const char *path)
{
    char text[sizeof context->message.text];

    memcpy(text, context->message.text, sizeof text);
    text[sizeof text - 1] = '\0';
    return rn_fail(&context->message, status == RN_INVALID_ARGUMENT ? RN_FORMAT : status, "%s: %s", path, text);
}

rn_status rn_file_list(rn_json **json, rn_context *context, const rn_checkpoint *file, const char *key,
                       const char *path)
{
    const char *const text = rn_checkpoint_metadata(file, key);
    rn_status status;

    *json = NULL;
    if (text == NULL)
        return RN_OK;
    status = rn_json_parse(json, text, strlen(text), &context->message);
    if (status == RN_OK && !rn_json_is_array(*json)) {
        rn_json_destroy(*json);
        *json = NULL;
        status = rn_fail(&context->message, RN_FORMAT, "not a list");
    }
    return status == RN_FORMAT
               ? rn_fail(&context->message, RN_FORMAT, "%s: the metadata '%s' is no JSON list", path, key)
               : status;
}

/* Fills folder[i] and name[i] from [[folder, name], ...]; false if the list has another form. */
static bool read_pairs(const char **text, size_t count, const rn_json *list)
{
    const rn_json *pair = rn_json_first(list);

    for (size_t i = 0; i < count; i++, pair = rn_json_next(pair)) {
        if (pair == NULL || !rn_json_is_array(pair) || rn_json_count(pair) != 2)
            return false;
        text[i] = rn_json_string(rn_json_first(pair));
        text[count + i] = rn_json_string(rn_json_next(rn_json_first(pair)));
        if (text[i] == NULL || text[count + i] == NULL)
            return false;
    }
    return true;
}

rn_status rn_file_classes(rn_classes **classes, rn_context *context, const rn_checkpoint *file, const char *path)
{
    const char **text = NULL;
    rn_json *list = NULL;
    rn_status status;
    size_t count;

    *classes = NULL;
    status = rn_file_list(&list, context, file, RN_KEY_CLASSES, path);
    if (status != RN_OK || list == NULL)
        return status;
    count = rn_json_count(list);
    if (count == 0 || count > RN_FILE_CLASSES) {
        status = rn_fail(&context->message, RN_FORMAT, "%s: a table of %zu classes", path, count);
        goto out;
    }
    text = rn_allocate_array(&context->allocator, count, 2 * sizeof *text);
    if (text == NULL)
        status = rn_fail(&context->message, RN_NO_MEMORY, "no memory for the description of a model");
    else if (!read_pairs(text, count, list))
        status = rn_fail(&context->message, RN_FORMAT, "%s: the metadata '%s' is no list of [folder, name]", path,
                         RN_KEY_CLASSES);
    else if ((status = rn_classes_create(classes, context, text, text + count, count)) != RN_OK)
        status = rn_file_blame(context, status, path);
out:
    rn_release(&context->allocator, text);
    rn_json_destroy(list);
    return status;
}
