/* SPDX-License-Identifier: MIT */
#include "common/family.h"
#include "common/text.h"

#include <string.h>

const char *family_network(const char *name)
{
    static const struct {
        const char *family, *network;
    } known[] = { { "resnet", "resnet152" },         { "alexnet", "alexnet" },      { "vgg", "vgg16" },
                  { "squeezenet", "squeezenet1_0" }, { "densenet", "densenet121" }, { "inception", "inception_v3" } };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].family) == 0)
            return known[i].network;
    return NULL;
}

void family_resolve(const char **name, const char *program)
{
    const char *const network = *name != NULL ? family_network(*name) : NULL;

    if (network == NULL || strcmp(network, *name) == 0)
        return;
    text_line(stderr, "%s: \"%s\" is taken as %s, the network of the tutorial of that name", program, *name, network);
    *name = network;
}
