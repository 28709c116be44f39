/* SPDX-License-Identifier: MIT */
#include "common/sentence.h"
#include "common/language.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { HOLES = 10, DEPTH = 4 };

/* What stands in a hole of a pattern. */
typedef struct hole {
    const char *begin;
    size_t length;
} hole;

/* The library's sentences, each with a %s for what differs; the first that fits counts. */
static const char *const patterns[] = {
    /* photos and their folders */
    N_("%s: no folder in it is called %s"),
    N_("train or training"),
    N_("val, valid, validation, dev or test"),
    N_("%s: has both %s and %s: which one is meant? Rename the other"),
    N_("%s: no class folder in it"),
    N_("%s: the class folder holds no photo (%s)%s"),
    N_("; passed over so far: %s"),
    N_("%s: the class table has no folder '%s'"),
    N_("%s: %s passed over: %s"),
    N_("%s file was"),
    N_("%s files were"),
    N_("skipped: %s"),
    N_("%s: the file is empty"),
    N_("%s: none of JPEG, PNG, BMP, PNM%s, but %s"),
    N_("%s: none of JPEG, PNG, BMP, PNM%s"),
    N_("%s: damaged or cut short: %s"),
    N_("%s: cut short: %s bytes cannot hold %s pixels"),
    N_("%s: the %s is cut short"),
    N_("%s: %s pixels, the batch has %s"),
    N_("%s of %s validation photos are training photos, too (%s is %s): what is known by heart counts as recognised"),
    N_("%s of %s classes have fewer than %s training photos (%s): they are hardly learned, and their figures are "
       "chance"),
    N_("there is one class only (%s): every answer is right, and nothing is learned"),
    N_("the training pipeline resizes no photo (\"%s\"): of %s, whose shorter side has %s pixels, the network sees "
       "%s. As a rule Resize or RandomResizedCrop comes first"),
    N_("training photos are seen at another scale than validation photos: \"%s\" against \"%s\""),
    N_("a pipeline has no step '%s'"),
    N_("there is no preset '%s' of pipelines, only %s"),
    /* weights */
    N_("the zoo has no network '%s'; it has %s"),
    N_("%s: its %s bytes are neither safetensors nor a file of torch.save (zip, legacy or tar)"),
    N_("%s does not fit %s (%s missing, %s surplus, %s different)%s"),
    N_(": it is another network: names and shapes are those of %s; %s"),
    N_(": it was written for '%s'; %s"),
    N_("missing: %s; surplus: %s"),
    N_("missing: %s"),
    N_("%s and %s more"),
    /* training */
    N_("the loss is %s in phase \"%s\", epoch %s, batch %s, at the learning rate %s: %s. Try a rate below %s, a "
       "warm-up or clip_norm"),
    N_("the first weights that are no finite numbers, since the step before, are those of \"%s\""),
    N_("all weights are finite, the largest are those of \"%s\" (up to %s); what the layers make of them is not"),
    N_("phase \"%s\", epoch %s, batch %s: the loss is %s, after %s at first: at the learning rate %s training "
       "diverges, \"%s\" first (weights up to %s). Try a tenth of it, or clip_norm"),
    N_("phase \"%s\", epoch %s: the loss stays at %s, what guessing costs, and every gradient is 0: nothing is learned "
       "any more. A ReLU behind the head, as squeezenet has, lets nothing through once its outputs are all negative. "
       "Begin again with a lower rate than %s or another seed"),
    N_("phase \"%s\", epoch %s: all %s validation photos are taken for one class (%s): an accuracy of %s is its share "
       "of them"),
    /* going on */
    N_("%s holds a run already: resume it or take another directory"),
    N_("%s was begun with seed %s, not %s"),
    N_("%s was begun with batches of %s photos, not %s"),
    N_("%s was begun with another preprocessing"),
    N_("%s was begun with other training photos or classes"),
    N_("%s was begun with other validation photos: the figures of its epochs so far, and the best of them, are of "
       "those, what follows is of the ones that are there now"),
    N_("phase \"%s\" of this run was begun with another %s: to train on with this one, finish it and call a phase of "
       "another name"),
    N_("learning rate"),
    N_("learning rate schedule"),
    N_("optimizer"),
    N_("phase \"%s\" of this run was begun for %s epochs: it cannot end after %s"),
};

/* Where the words of a pattern up to its next hole stand in the text; behind its last hole they end it. Or NULL. */
static const char *find(const char *text, const char *words)
{
    const char *const next = strstr(words, "%s");
    const size_t length = next != NULL ? (size_t)(next - words) : strlen(words), left = strlen(text);

    if (next == NULL)
        return left >= length && strcmp(text + left - length, words) == 0 ? text + left - length : NULL;
    for (; *text != '\0'; text++)
        if (strncmp(text, words, length) == 0)
            return text;
    return NULL;
}

/* True for a sentence of that pattern; each hole takes as little as will do. */
static int match(hole holes[HOLES], const char *pattern, const char *text)
{
    size_t count = 0;

    while (*pattern != '\0') {
        if (strncmp(pattern, "%s", 2) == 0) {
            const char *const end = find(text, pattern += 2);

            if (end == NULL)
                return 0;
            holes[count++] = (hole){ text, (size_t)(end - text) };
            text = end;
        } else if (*pattern++ != *text++) {
            return 0;
        }
    }
    return *text == '\0';
}

static const char *translate(char *to, size_t size, const char *sentence, int depth);

/* Writes a translation: %s is the next hole, %2$s the second one, whose own words are translated, too. */
static void fill(char *to, size_t size, const char *words, const hole holes[HOLES], int depth)
{
    char text[SENTENCE_SIZE], part[SENTENCE_SIZE];
    size_t used = 0, next = 0, number;

    while (*words != '\0' && used + 1 < size) {
        const int numbered = words[0] == '%' && isdigit((unsigned char)words[1]) && words[2] == '$' && words[3] == 's';

        if (!numbered && strncmp(words, "%s", 2) != 0) {
            to[used++] = *words++;
            continue;
        }
        number = numbered ? (size_t)(words[1] - '0') - 1 : next++;
        if (number >= HOLES)
            break;
        words += numbered ? 4 : 2;
        snprintf(text, sizeof text, "%.*s", (int)holes[number].length, holes[number].begin);
        used += (size_t)snprintf(to + used, size - used, "%s", translate(part, sizeof part, text, depth - 1));
    }
    to[used < size ? used : size - 1] = '\0';
}

static const char *translate(char *to, size_t size, const char *sentence, int depth)
{
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0] && depth > 0; i++) {
        const char *const words = gettext(patterns[i]);
        hole holes[HOLES] = { { "", 0 } };

        if (words == patterns[i]) /* a language that has none of them */
            continue;
        if (match(holes, patterns[i], sentence)) {
            fill(to, size, words, holes, depth);
            return to;
        }
    }
    return sentence;
}

const char *sentence_translate(char *to, size_t size, const char *sentence)
{
    return translate(to, size, sentence, DEPTH);
}
