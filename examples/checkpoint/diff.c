/* SPDX-License-Identifier: MIT */
#include "checkpoint/commands.h"
#include "checkpoint/compare.h"
#include "common/language.h"

#include <inttypes.h>
#include <string.h>

typedef struct sides {
    const rn_checkpoint *file[2];
    char **paths;
    size_t tensors, metadata, different_tensors, different_metadata;
} sides;

static void print_only(const char *kind, const char *name, const char *path, int json)
{
    if (json) {
        printf("{\"%s\": ", kind);
        text_json_string(stdout, name);
        printf(", \"only_in\": ");
        text_json_string(stdout, path);
        printf("}\n");
        return;
    }
    printf("%s", _("only in "));
    text_print(stdout, path);
    printf(": %s ", _(kind));
    text_print(stdout, name);
    printf("\n");
}

/* `how` is NULL where the shapes differ. */
static void print_pair(const char *name, const rn_tensor *a, const rn_tensor *b, const comparison *how, int json)
{
    const char *types[] = { rn_dtype_name(rn_tensor_dtype(a)), rn_dtype_name(rn_tensor_dtype(b)) };
    const char *brackets = json ? "[]" : "()";
    char shapes[2][SHAPE_TEXT];

    show_shape(shapes[0], a, brackets);
    show_shape(shapes[1], b, brackets);
    if (json) {
        printf("{\"tensor\": ");
        text_json_string(stdout, name);
        printf(", \"dtypes\": [\"%s\", \"%s\"], \"shapes\": [%s, %s]", types[0], types[1], shapes[0], shapes[1]);
        if (how != NULL) {
            printf(", \"elements\": %" PRId64 ", \"different\": %" PRId64 ", \"absolute\": ", rn_tensor_count(a),
                   how->different);
            text_json_number(stdout, how->absolute);
            printf(", \"relative\": ");
            text_json_number(stdout, how->relative);
        }
        printf("}\n");
        return;
    }
    if (how == NULL || strcmp(types[0], types[1]) != 0)
        printf(_("%s %s and %s %s"), types[0], shapes[0], types[1], shapes[1]);
    if (how != NULL)
        printf(_("%s%lld of %lld elements differ, by %.9g at most, relatively %.9g"),
               strcmp(types[0], types[1]) != 0 ? ", " : "", (long long)how->different, (long long)rn_tensor_count(a),
               how->absolute, how->relative);
    printf(": %s ", _("tensor"));
    text_print(stdout, name);
    printf("\n");
}

/* With a tolerance the numbers are asked for: another type is said, but is no difference by itself. */
static rn_status diff_pair(const checkpoint_command *c, sides *x, const char *name, const rn_tensor *a,
                           const rn_tensor *b)
{
    const int types_differ = rn_tensor_dtype(a) != rn_tensor_dtype(b), shapes_differ = !compare_shapes(a, b);
    comparison how = { 0, 0, 0 };
    const rn_status status = shapes_differ ? RN_OK : compare_tensors(&how, c->context, a, b, c->tolerance);

    if (status == RN_OK && (types_differ || shapes_differ || how.different > 0))
        print_pair(name, a, b, shapes_differ ? NULL : &how, c->json);
    x->different_tensors += shapes_differ || how.different > 0 || (types_differ && c->tolerance < 0);
    return status;
}

static rn_status diff_tensors(const checkpoint_command *c, sides *x)
{
    rn_status status = RN_OK;

    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < rn_checkpoint_count(x->file[side]) && status == RN_OK; i++) {
            const char *name = rn_checkpoint_name(x->file[side], i);
            const rn_tensor *own = rn_checkpoint_tensor(x->file[side], i);
            const rn_tensor *other = rn_checkpoint_find(x->file[!side], name);

            if (side == 1 && other != NULL) /* compared from the other side */
                continue;
            x->tensors++;
            if (other != NULL) {
                status = diff_pair(c, x, name, own, other);
            } else {
                print_only(N_("tensor"), name, x->paths[side], c->json);
                x->different_tensors++;
            }
        }
    return status;
}

static void print_texts(const char *key, const char *a, const char *b, const checkpoint_command *c)
{
    if (c->json) {
        printf("{\"metadata\": ");
        text_json_string(stdout, key);
        printf(", \"values\": [");
        text_json_string(stdout, a);
        printf(", ");
        text_json_string(stdout, b);
        printf("]}\n");
        return;
    }
    printf("%s ", _("metadata"));
    text_print(stdout, key);
    printf(": ");
    show_value(a, c->full);
    printf("%s", _(" and "));
    show_value(b, c->full);
    printf("\n");
}

static void diff_metadata(const checkpoint_command *c, sides *x)
{
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < rn_checkpoint_metadata_count(x->file[side]); i++) {
            const char *key = rn_checkpoint_metadata_key(x->file[side], i);
            const char *own = rn_checkpoint_metadata(x->file[side], key);
            const char *other = rn_checkpoint_metadata(x->file[!side], key);

            if (side == 1 && other != NULL)
                continue;
            x->metadata++;
            if (other != NULL && strcmp(own, other) == 0)
                continue;
            x->different_metadata++;
            if (other != NULL)
                print_texts(key, own, other, c);
            else
                print_only(N_("metadata"), key, x->paths[side], c->json);
        }
}

static void print_verdict(const sides *x, int json)
{
    const int equal = x->different_tensors + x->different_metadata == 0;

    if (json)
        printf("{\"equal\": %s, \"tensors\": %zu, \"different_tensors\": %zu, \"metadata\": %zu, "
               "\"different_metadata\": %zu}\n",
               equal ? "true" : "false", x->tensors, x->different_tensors, x->metadata, x->different_metadata);
    else if (equal)
        printf(_("equal: %zu tensors, metadata %zu\n"), x->tensors, x->metadata);
    else
        printf(_("different: %zu of %zu tensors, metadata %zu of %zu\n"), x->different_tensors, x->tensors,
               x->different_metadata, x->metadata);
}

int checkpoint_diff(const checkpoint_command *c, char **paths)
{
    rn_checkpoint *file[2] = { NULL, NULL };
    sides x = { .paths = paths };
    rn_status status = RN_OK;
    int answer;

    for (int side = 0; side < 2 && status == RN_OK; side++) {
        status = rn_checkpoint_open(&file[side], c->context, paths[side], NULL);
        x.file[side] = file[side];
    }
    if (status == RN_OK)
        status = diff_tensors(c, &x);
    if (status == RN_OK && !c->no_metadata)
        diff_metadata(c, &x);
    if (status == RN_OK) {
        print_verdict(&x, c->json);
        answer = x.different_tensors + x.different_metadata > 0 ? EXIT_DIFFERENT : 0;
    } else {
        args_failed(c->program, status, c->context);
        answer = EXIT_TROUBLE;
    }
    rn_checkpoint_destroy(file[0]);
    rn_checkpoint_destroy(file[1]);
    return answer;
}
