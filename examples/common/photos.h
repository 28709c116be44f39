/* SPDX-License-Identifier: MIT */
/* The photos that a command line means, and what helps where a message is about one. */
#ifndef EXAMPLES_PHOTOS_H
#define EXAMPLES_PHOTOS_H

#include <resnet/resnet.h>

typedef struct photo_list {
    char **path;
    size_t count, room;
    size_t passed_over; /* pictures in the folders that no decoder here reads, by their names */
} photo_list;

/*
 * Adds a photo, or all photos below a folder: files whose names end as those of an image folder do (dataset.h), sorted
 * by path; what is hidden is passed over, links are followed, a circle of them ends. What is no folder is added
 * whatever its name. Gives 0, or an errno: a folder that cannot be read, ENOMEM.
 */
int photos_add(photo_list *list, const char *path);
void photos_release(photo_list *list);

/*
 * What helps where a failure's message names a photo of the dataset, which may be NULL: how it is left out or, where it
 * is of the wrong size, a pipeline for the network that resizes. NULL: the message is about something else.
 */
const char *photos_advice(char *text, size_t size, const rn_model *model, const rn_dataset *photos,
                          const char *message);

#endif
