/* SPDX-License-Identifier: MIT */
/*
 * Parameters that have other names in the file, by two rules that cannot guess wrong in silence. A head is taken for
 * the one layer of a Sequential only if nothing else lies there. Numbers are taken for children only in ascending
 * order, without leaving one out, and only if then every parameter outside the head is there in its shape.
 */
#include "store/source.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- a head within a Sequential -------------------------------------------------------------------------------- */

/* "bias" of "fc.0.bias" if the name begins with the `length` bytes `layer` ("fc.0"); NULL if it goes deeper. */
static const char *parameter_of(const char *name, const char *layer, size_t length)
{
    if (!rn_name_begins(name, layer, length) || name[length] != '.' || strchr(name + length + 1, '.') != NULL)
        return NULL;
    return name + length + 1;
}

/* The place among the head's names of a parameter of its one layer; SIZE_MAX if it has no such parameter. */
static size_t find_in_head(const rn_load_source *source, const char *parameter)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    const char *const head = rn_model_head_name(source->model, 0);

    for (size_t i = 0; i < parameters->count; i++) {
        const char *const own = parameter_of(parameters->entry[i].name, head, strlen(head));

        if (own != NULL && strcmp(own, parameter) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* Adds "fc" = "fc.0" if the file has that, and nothing else, under the head's name. */
static void find_head(rn_load_source *source)
{
    const char *const head = rn_model_head_name(source->model, 0);
    const char *layer = NULL;
    size_t length = 0;

    for (size_t i = 0; head != NULL && i < rn_checkpoint_count(source->names->file); i++) {
        const char *const name = rn_source_name(source, i);

        if (name == NULL || !rn_name_begins(name, head, strlen(head)))
            continue;
        if (layer == NULL) {
            layer = name;
            length = (size_t)(strrchr(name, '.') != NULL ? strrchr(name, '.') - name : 0);
        }
        if (length <= strlen(head) || parameter_of(name, layer, length) == NULL ||
            find_in_head(source, parameter_of(name, layer, length)) == SIZE_MAX)
            return;
    }
    if (layer != NULL)
        source->alias[source->alias_count++] = (rn_alias){ head, layer, strlen(head), length };
}

/* ---- children by their numbers --------------------------------------------------------------------------------- */

/* The first word of a name. */
static size_t child_length(const char *name)
{
    return strcspn(name, ".");
}

/* Digits and a dot: the length of the number without the dot, or 0. */
static size_t number_length(const char *name)
{
    size_t length = 0;

    while (isdigit((unsigned char)name[length]))
        length++;
    return name[length] == '.' && length <= 9 ? length : 0;
}

/* Makes an alias for each child of the network that has no tensors by its own name, in order, without what it is
 * called. */
static void list_children(rn_load_source *source)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    size_t tensor;

    source->alias_count = 0;
    for (size_t i = 0; i < parameters->count; i++) {
        const char *const name = parameters->entry[i].name;
        const size_t length = child_length(name);
        bool listed = rn_is_counter(&parameters->entry[i]) || /* counters may be missing */
                      rn_file_names_find(&tensor, source->names, source->prefix, name);

        for (size_t k = source->alias_count; !listed && k-- > 0;)
            listed = source->alias[k].ours_length == length && strncmp(source->alias[k].ours, name, length) == 0;
        if (!listed)
            source->alias[source->alias_count++] = (rn_alias){ name, NULL, length, 0 };
    }
}

/* Puts the number that a name begins with among those found, in ascending order; the largest gives way if there are
 * more than children. A number that is a word of the network's own stands for itself. */
static void insert_number(rn_load_source *source, const char *name, size_t length)
{
    rn_alias *const alias = source->alias;
    const unsigned long value = strtoul(name, NULL, 10);
    size_t place = source->alias_count;

    while (place > 0 && (alias[place - 1].theirs == NULL || strtoul(alias[place - 1].theirs, NULL, 10) > value))
        place--;
    if (place == source->alias_count || (place > 0 && strtoul(alias[place - 1].theirs, NULL, 10) == value) ||
        !rn_source_is_foreign(source, name))
        return;
    for (size_t i = source->alias_count - 1; i > place; i--) {
        alias[i].theirs = alias[i - 1].theirs;
        alias[i].theirs_length = alias[i - 1].theirs_length;
    }
    alias[place].theirs = name;
    alias[place].theirs_length = length;
}

/* True if every child has a number, but for the last if that is the head. */
static bool all_numbered(const rn_load_source *source)
{
    const rn_alias *const last = &source->alias[source->alias_count - 1];
    const char *const head = rn_model_head_name(source->model, 0);

    if (last->theirs != NULL)
        return true;
    return source->alias_count > 1 && last[-1].theirs != NULL && head != NULL && strlen(head) == last->ours_length &&
           strncmp(head, last->ours, last->ours_length) == 0;
}

static bool find_children(rn_load_source *source)
{
    list_children(source);
    for (size_t i = 0; source->alias_count > 0 && i < rn_checkpoint_count(source->names->file); i++) {
        const char *const name = rn_source_name(source, i);
        const size_t length = name != NULL ? number_length(name) : 0;

        if (length > 0)
            insert_number(source, name, length);
    }
    if (source->alias_count == 0 || !all_numbered(source))
        return false;
    if (source->alias[source->alias_count - 1].theirs == NULL)
        source->alias_count--;
    return rn_source_part_fits(source, RN_BACKBONE);
}

ptrdiff_t rn_source_numbered_prefix(const rn_load_source *source, size_t tensor)
{
    const rn_parameter *const first = source->model->graph->parameters->entry;
    const char *const name = rn_file_name(source->names, tensor);
    const char *const rest = first->name + child_length(first->name);
    const size_t length = name != NULL ? strlen(name) : 0;
    const char *at;

    if (length <= strlen(rest) || rest[0] == '\0' || strcmp(name + length - strlen(rest), rest) != 0 ||
        !rn_value_fits(first, rn_checkpoint_tensor(source->names->file, tensor)))
        return -1;
    at = name + length - strlen(rest);
    while (at > name && at[-1] != '.')
        at--;
    return number_length(at) > 0 ? at - name : -1;
}

void rn_source_find_aliases(rn_load_source *source)
{
    source->alias_count = 0;
    source->positional = false;
    if (!rn_source_part_fits(source, RN_BACKBONE))
        source->positional = find_children(source);
    if (source->positional)
        return;
    source->alias_count = 0;
    find_head(source);
}
