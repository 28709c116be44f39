/* SPDX-License-Identifier: MIT */
/* Names of families, as PyTorch's fine-tuning tutorials have them: "resnet", "vgg", ... */
#ifndef EXAMPLES_FAMILY_H
#define EXAMPLES_FAMILY_H

/* The network of the zoo that a tutorial's program makes for the name of a family; NULL: none of these names. */
const char *family_network(const char *name);
/* Puts that network's name in place of a family's and says so on stderr as `program`; leaves any other, and NULL. */
void family_resolve(const char **name, const char *program);

#endif
