/* SPDX-License-Identifier: MIT */
#include "common/classifier.h"
#include "common/class_table.h"
#include "common/family.h"
#include "common/language.h"

#include <ctype.h>
#include <string.h>

enum { NAME_SIZE = 64, TRIES = 8 };

static int is_in_zoo(const char *name)
{
    for (size_t i = 0; rn_zoo_name(i) != NULL; i++)
        if (strcmp(rn_zoo_name(i), name) == 0)
            return 1;
    return 0;
}

/* The network that stands behind `words` in a message; "" if they do not. */
static void name_behind(char name[NAME_SIZE], const char *message, const char *words)
{
    const char *const found = strstr(message, words);

    name[0] = '\0';
    if (found != NULL)
        sscanf(found + strlen(words), "%63[A-Za-z0-9_]", name);
}

/*
 * The network that the tensors fit, of which the library speaks when it refuses another; "" if there is none; and one
 * that they fit as well. What it would warn of is not said: the file is loaded once more.
 */
static void guess_network(char name[NAME_SIZE], char also[NAME_SIZE], const char *path)
{
    static const char probe[] = "squeezenet1_1"; /* no other network has its names and shapes */
    rn_context *context = NULL;
    rn_model *model = NULL;

    name[0] = also[0] = '\0';
    if (rn_context_create(&context, NULL) == RN_OK && rn_model_create(&model, context, probe, NULL) == RN_OK) {
        if (rn_model_load(model, path, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS)) == RN_OK)
            snprintf(name, NAME_SIZE, "%s", probe);
        else {
            name_behind(name, rn_context_message(context), "names and shapes are those of ");
            name_behind(also, rn_context_message(context), ", and also those of ");
        }
    }
    rn_model_destroy(model);
    rn_context_destroy(context);
}

/* Settles which network it is: asked for, said by the file, or guessed. 0: nobody knows. */
static int find_network(char name[NAME_SIZE], const classifier *c, const rn_checkpoint *file,
                        const args_program *program)
{
    char also[NAME_SIZE];
    const char *said = c->arch != NULL ? c->arch : rn_checkpoint_metadata(file, "arch");

    family_resolve(&said, program->name);
    if (said != NULL && (c->arch != NULL || is_in_zoo(said))) {
        snprintf(name, NAME_SIZE, "%s", said);
        return 1;
    }
    guess_network(name, also, c->weights.path);
    if (name[0] == '\0') {
        text_line(
            stderr,
            "%s: %s holds weights, but nothing says which network they are of, and they fit none that is known. If "
            "you know it: --arch NAME",
            program->name, c->weights.path);
        return 0;
    }
    text_line(stderr,
              "%s: %s does not say which network its weights are of: they fit %s, which is taken (--arch says "
              "another)",
              program->name, c->weights.path, name);
    if (also[0] != '\0')
        text_line(stderr,
                  "%s: they fit %s as well, which computes otherwise and whose answers would be others: if they are of "
                  "that, say --arch %s",
                  program->name, also, also);
    return 1;
}

/* True for "fc.weight" and "fc.0.weight", behind any prefix, if the head is "fc". */
static int is_head(const char *name, const char *head)
{
    const size_t length = strlen(head);

    for (const char *at = name; (at = strstr(at, head)) != NULL; at++) {
        const char *rest = at + length;

        if ((at > name && at[-1] != '.') || *rest != '.')
            continue;
        if (isdigit((unsigned char)rest[1]))
            rest += 1 + strspn(rest + 1, "0123456789");
        if (strcmp(rest, ".weight") == 0)
            return 1;
    }
    return 0;
}

/* Rows of the head in the file; 0 (the network's own number) if it is not found. */
static int64_t count_classes(rn_context *context, const rn_checkpoint *file, const char *arch)
{
    rn_zoo_network network = { .struct_size = sizeof network };

    if (rn_zoo_describe(&network, context, arch, NULL) != RN_OK || network.head[0] == '\0')
        return 0;
    for (size_t i = 0; i < rn_checkpoint_count(file); i++) {
        const rn_tensor *const tensor = rn_checkpoint_tensor(file, i);

        if (rn_tensor_rank(tensor) >= 2 && is_head(rn_checkpoint_name(file, i), network.head))
            return rn_tensor_shape(tensor)[0];
    }
    return 0;
}

/* True if the tensor is like the weight of the model's head but for the number of outputs. */
static int is_like_head(const rn_tensor *tensor, rn_model *model)
{
    const rn_parameters *const parameters = rn_model_parameters(model);
    const rn_tensor *weight;
    char name[NAME_SIZE];
    size_t index;
    int same;

    snprintf(name, sizeof name, "%s.weight", rn_model_head_name(model, 0));
    if (rn_parameters_find(&index, parameters, name) != RN_OK)
        return 0;
    weight = rn_parameters_value(parameters, index);
    same = rn_tensor_rank(weight) >= 2 && rn_tensor_rank(tensor) == rn_tensor_rank(weight);
    for (int32_t i = 1; same && i < rn_tensor_rank(weight); i++)
        same = rn_tensor_shape(tensor)[i] == rn_tensor_shape(weight)[i];
    return same;
}

static rn_status build_with(rn_model **model, rn_context *context, classifier *c, const char *arch,
                            const rn_classes *table, int64_t count)
{
    rn_status status;

    rn_model_destroy(*model);
    status = rn_model_create(model, context, arch, RN_OPTIONS(rn_model, .classes = table, .class_count = count));
    return status == RN_OK ? weights_load(&c->weights, *model) : status;
}

/*
 * The network by its name, with the classes that are known, and the file's weights. A head under another name
 * (--rename, numbers for words) does not say how many classes there are: then all numbers of rows are tried that it may
 * have.
 */
static rn_status build(rn_model **model, rn_context *context, classifier *c, const rn_checkpoint *file,
                       const char *arch, const rn_classes *table)
{
    int64_t tried[TRIES];
    int count = 0;
    rn_status status;

    if (table != NULL && rn_checkpoint_metadata(file, "rn.classes") == NULL)
        c->weights.ignore_classes = 1; /* names that are given stand before those that a script wrote down */
    status = build_with(model, context, c, arch, table, table != NULL ? 0 : count_classes(context, file, arch));
    for (size_t i = 0;
         i < rn_checkpoint_count(file) && status == RN_SHAPE && *model != NULL && table == NULL && count < TRIES; i++) {
        const rn_tensor *const tensor = rn_checkpoint_tensor(file, i);
        int known = !is_like_head(tensor, *model) || rn_tensor_shape(tensor)[0] == rn_model_class_count(*model);

        for (int k = 0; k < count && !known; k++)
            known = tried[k] == rn_tensor_shape(tensor)[0];
        if (known)
            continue;
        tried[count++] = rn_tensor_shape(tensor)[0];
        status = build_with(model, context, c, arch, NULL, tried[count - 1]);
    }
    return status;
}

static int fail(rn_status status, const rn_context *context, const classifier *c, const args_program *program)
{
    const char *const help = c->weights.several         ? _(". Here: --prefix NAME")
                             : c->weights.other_names   ? _(". Here: --arch NAME, --rename FROM=TO")
                             : c->weights.other_classes ? _("; without --classes it has its own")
                                                        : NULL;

    args_advised(program, status, context, help);
    return 0;
}

/* Class names from elsewhere, for a network that is there. */
static rn_status name_classes(rn_model *model, const classifier *c, const rn_classes *table)
{
    rn_classes *labelled = NULL;
    rn_status status = table != NULL ? rn_model_set_classes(model, table) : RN_OK;

    if (status != RN_OK || c->labels == NULL || rn_model_classes(model) == NULL)
        return status;
    status = rn_classes_label(&labelled, rn_model_classes(model), c->labels);
    if (status == RN_OK)
        status = rn_model_set_classes(model, labelled);
    rn_classes_destroy(labelled);
    return status;
}

int classifier_open(rn_model **model, rn_context *context, classifier *c, const args_program *program)
{
    char arch[NAME_SIZE];
    rn_checkpoint *file = NULL;
    rn_classes *table = NULL;
    rn_status status = rn_checkpoint_open(&file, context, c->weights.path, NULL);
    int opened = 0;

    if (status == RN_OK && c->classes != NULL)
        status = class_table_read(&table, context, c->classes);
    if (status == RN_OK && c->arch == NULL && rn_checkpoint_metadata(file, "rn.network") != NULL) {
        status = rn_model_open(model, context, c->weights.path, NULL);
    } else if (status == RN_OK) {
        if (!find_network(arch, c, file, program))
            goto out;
        status = build(model, context, c, file, arch, table);
    }
    if (status == RN_OK)
        status = name_classes(*model, c, table);
    opened = status == RN_OK || fail(status, context, c, program);
    if (opened && rn_model_classes(*model) == NULL && !c->numbers_do)
        text_line(stderr,
                  "%s: %s holds no names of classes: they are numbers. --classes takes names from a file with one a "
                  "line, or from the folder it was trained on%s",
                  program->name, c->weights.path, c->labels != NULL ? _(", whose folders --labels then names") : "");
out:
    rn_classes_destroy(table);
    rn_checkpoint_destroy(file);
    return opened;
}
