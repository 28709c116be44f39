/* SPDX-License-Identifier: MIT */
/*
 * rn_classes: what the outputs of a classifier mean. Each class has an index (the row of the logits), a folder (the
 * name that the training set's directory had) and a display name. The three never get mixed up, because there is no way
 * from a number to a name but this table. Immutable once made; reading is thread safe.
 *
 * All texts are UTF-8. A directory's name may be any bytes: in the folder that rn_image_folder_open makes of it, each
 * byte that is not UTF-8 is written as \xNN (a backslash, an x, two small hexadecimal digits), and so is a backslash
 * that an x follows, as \x5cx. Two directories never get the same text; \xNN read back as a byte gives the name.
 */
#ifndef RESNET_CLASSES_H
#define RESNET_CLASSES_H

#include <resnet/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_classes rn_classes;

/* A table from `count` folder names in order; display names equal the folders if `names` is NULL. RN_INVALID_ARGUMENT:
 * none, NULL, an empty or a repeated folder, a text that is not UTF-8, over 1,000,000. */
RN_API rn_status rn_classes_create(rn_classes **classes, rn_context *context, const char *const *folders,
                                   const char *const *names, size_t count);

/*
 * A table of the same folders with the display names that a JSON file gives, in one of the forms that people have:
 *
 *   {"roses": "rose", ...}                  name by folder; other folders may be in it as well
 *   {"0": "rose", ...}                      name by index (index_to_name.json)
 *   {"0": ["n01440764", "tench"], ...}      folder and name (imagenet_class_index.json), also of other folders; where a
 *                                           class's folder is not in it, by index
 *   {"rose": 0, ...}                        index by name (class_to_idx)
 *   ["rose", ...]                           names in the order of the classes
 *
 * The first value of an object says which. Folders and indices are told apart by the keys: indices are all of "0" to
 * one less than the number of classes, and no others. RN_FORMAT: none of these; a class without a name; a key or an
 * index that comes twice; keys that are both the folders and the indices and would give a class two names; an index by
 * name where the name is the folder of another class. The message says which. RN_IO. RN_NO_MEMORY.
 */
RN_API rn_status rn_classes_label(rn_classes **labelled, const rn_classes *classes, const char *json_path);

RN_API size_t rn_classes_count(const rn_classes *classes);
/* Borrowed; NULL if the index is out of range. */
RN_API const char *rn_classes_folder(const rn_classes *classes, size_t index);
RN_API const char *rn_classes_name(const rn_classes *classes, size_t index);

/* NULL is fine. */
RN_API void rn_classes_destroy(rn_classes *classes);

#ifdef __cplusplus
}
#endif

#endif
