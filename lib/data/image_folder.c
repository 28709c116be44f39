/* SPDX-License-Identifier: MIT */
/*
 * Image folders, as torchvision.datasets.ImageFolder finds them: classes are the sub-folders sorted by byte; of each,
 * the folders below it sorted by their whole path ("a.b" before "a/b"), and in each folder the files sorted by name.
 * Unlike there, a directory that links reach twice counts once.
 * https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
 */
#include "data/dataset.h"

#include "base/file.h"
#include "base/options.h"
#include "classes/classes.h"
#include "data/walk.h"

#include <string.h>

RN_NO_TAIL_PADDING(rn_image_folder_options, classes);

static rn_status no_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the list of photos");
}

static rn_status scan_folder(rn_dataset *dataset, const char *folder, int64_t label)
{
    const rn_allocator *const allocator = &dataset->context->allocator;
    rn_names files;
    rn_status status = rn_directory_list(&files, allocator, folder, false, &dataset->context->message);

    for (size_t i = 0; i < files.count && status == RN_OK; i++) {
        const int other = rn_other_ending(files.name[i]);

        if (other >= 0)
            dataset->passed.count[other]++;
        else if (rn_is_photo(files.name[i]))
            status = rn_dataset_add(dataset, rn_path_join(allocator, folder, files.name[i]), label);
    }
    rn_names_release(&files, allocator);
    return status;
}

static rn_status scan(rn_dataset *dataset, const char *root, int64_t label)
{
    rn_names folders;
    rn_status status = rn_walk(&folders, &dataset->context->allocator, root, &dataset->context->message);

    for (size_t i = 0; i < folders.count && status == RN_OK; i++)
        status = scan_folder(dataset, folders.name[i], label);
    rn_names_release(&folders, &dataset->context->allocator);
    return status;
}

/* Hidden folders are no classes. */
static void drop_hidden(rn_names *names, const rn_allocator *allocator)
{
    size_t kept = 0;

    for (size_t i = 0; i < names->count; i++) {
        if (rn_is_hidden(names->name[i]))
            rn_release(allocator, names->name[i]);
        else
            names->name[kept++] = names->name[i];
    }
    names->count = kept;
}

static int64_t label_of(const rn_classes *classes, const char *folder)
{
    for (size_t i = 0; i < rn_classes_count(classes); i++)
        if (strcmp(rn_classes_folder(classes, i), folder) == 0)
            return (int64_t)i;
    return -1;
}

/* One warning for all files that look like photos and are none that can be read. */
static void report_passed_over(const rn_dataset *dataset, const char *root)
{
    const size_t total = rn_passed_over_total(&dataset->passed);
    char text[256];

    rn_passed_over_text(text, sizeof text, &dataset->passed);
    if (total > 0)
        rn_context_log(dataset->context, RN_LOG_WARNING, "%s: %zu %s passed over: %s", root, total,
                       total == 1 ? "file was" : "files were", text);
}

static rn_status report_no_photo(const rn_dataset *dataset, const char *path)
{
    char text[256];

    rn_passed_over_text(text, sizeof text, &dataset->passed);
    return rn_fail(&dataset->context->message, RN_FORMAT, "%s: the class folder holds no photo (%s)%s%s", path,
                   RN_PHOTO_ENDINGS, text[0] != '\0' ? "; passed over so far: " : "", text);
}

static rn_status scan_class(rn_dataset *dataset, const char *root, const char *folder, const char *text)
{
    const rn_allocator *const allocator = &dataset->context->allocator;
    const size_t before = dataset->count;
    const int64_t label = label_of(dataset->classes, text);
    char *path;
    rn_status status;

    if (label < 0)
        return rn_fail(&dataset->context->message, RN_SHAPE, "%s: the class table has no folder '%s'", root, text);
    path = rn_path_join(allocator, root, folder);
    if (path == NULL)
        return no_memory(dataset->context);
    status = scan(dataset, path, label);
    if (status == RN_OK && dataset->count == before)
        status = report_no_photo(dataset, path);
    rn_release(allocator, path);
    return status;
}

/* The texts that stand for the folders' names. */
static rn_status make_texts(rn_names *texts, const rn_names *folders, rn_context *context)
{
    *texts = (rn_names){ .name = rn_allocate_zeroed(&context->allocator, folders->count, sizeof *texts->name) };
    if (texts->name == NULL)
        return no_memory(context);
    for (; texts->count < folders->count; texts->count++) {
        texts->name[texts->count] = rn_folder_text(&context->allocator, folders->name[texts->count]);
        if (texts->name[texts->count] == NULL)
            return no_memory(context);
    }
    return RN_OK;
}

static rn_status fill_classes(rn_dataset *dataset, const char *root, const rn_names *folders, const rn_classes *classes)
{
    rn_context *const context = dataset->context;
    rn_names texts;
    rn_status status = make_texts(&texts, folders, context);

    if (status == RN_OK && classes != NULL)
        status = rn_classes_copy(&dataset->classes, classes, context);
    else if (status == RN_OK)
        status = rn_classes_create(&dataset->classes, context, (const char *const *)texts.name, NULL, texts.count);
    for (size_t i = 0; i < folders->count && status == RN_OK; i++)
        status = scan_class(dataset, root, folders->name[i], texts.name[i]);
    if (status == RN_OK)
        report_passed_over(dataset, root);
    rn_names_release(&texts, &context->allocator);
    return status;
}

static rn_status fill(rn_dataset *dataset, const char *root, const rn_classes *classes)
{
    rn_context *const context = dataset->context;
    rn_names folders;
    rn_status status = rn_directory_list(&folders, &context->allocator, root, true, &context->message);

    if (status != RN_OK)
        return status;
    drop_hidden(&folders, &context->allocator);
    status = folders.count > 0 ? fill_classes(dataset, root, &folders, classes)
                               : rn_fail(&context->message, RN_FORMAT, "%s: no class folder in it", root);
    rn_names_release(&folders, &context->allocator);
    return status;
}

rn_status rn_image_folder_open(rn_dataset **dataset, rn_context *context, const char *path,
                               const rn_image_folder_options *options)
{
    rn_image_folder_options read;
    rn_dataset *made;
    rn_status status;

    if (dataset == NULL)
        return rn_fail_null("rn_image_folder_open", "dataset");
    *dataset = NULL;
    if (context == NULL)
        return rn_fail_null("rn_image_folder_open", "context");
    if (path == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "no path of an image folder");
    status = rn_options_read(&read, sizeof read, options, &context->message);
    if (status != RN_OK)
        return status;
    status = rn_dataset_begin(&made, context);
    if (status != RN_OK)
        return status;
    status = fill(made, path, read.classes);
    if (status != RN_OK) {
        rn_dataset_destroy(made);
        return status;
    }
    *dataset = made;
    return RN_OK;
}
