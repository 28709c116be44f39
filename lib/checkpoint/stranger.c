/* SPDX-License-Identifier: MIT */
/* What people hand over instead of a checkpoint, by its first bytes, and what they can do about it. */
#include "checkpoint/checkpoint.h"

#include <string.h>
#include <strings.h>

enum { LOOKED_AT = 256, SHORTEST_TEXT = 16 };

typedef struct stranger {
    uint8_t at, length;
    const char *magic, *what;
} stranger;

#define PAGE "a web page: the download gave a page instead of the file"
#define PACKED "an archive or a compressed file: unpack it first"
#define UNREAD ", which is not read: load it with what wrote it, then torch.save a dictionary of its tensors"

static const stranger strangers[] = {
    { 0, 2, "\x1f\x8b", "gzip-compressed: unpack it first" },
    { 0, 6, "\xfd\x37zXZ", "xz-compressed: unpack it first" }, /* with the zero behind it */
    { 0, 6, "7z\xbc\xaf\x27\x1c", PACKED },
    { 0, 4, "Rar!", PACKED },
    { 0, 3, "BZh", PACKED },
    { 0, 4, "\x28\xb5\x2f\xfd", PACKED },
    { 0, 4, "\x89HDF", "an HDF5 file (Keras)" UNREAD },
    { 0, 4, "GGUF", "a GGUF file" UNREAD },
    { 0, 6, "\x93NUMPY", "a NumPy array, not a checkpoint" },
    { 4, 4, "TFL3", "a TensorFlow Lite file" UNREAD },
    { 0, 8, "\x12\1\0\0\0\0\0", "a file of MXNet's" UNREAD },
};

/* Behind spaces and a byte order mark, in letters of any size. */
static const stranger texts[] = {
    { 0, 23, "version https://git-lfs",
      "a git-lfs pointer, not the weights themselves: fetch them with 'git lfs pull' or download the file again" },
    { 0, 9, "<!doctype", PAGE },
    { 0, 5, "<html", PAGE },
    { 0, 5, "<?xml", "an XML text, perhaps the answer of a server instead of the file" },
    { 0, 1, "{", "a JSON text: an index of other files, or the answer of a server instead of the file" },
};

static const char *find_text(const unsigned char *bytes, size_t nbytes)
{
    const size_t most = nbytes < LOOKED_AT ? nbytes : LOOKED_AT;
    size_t at = nbytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    while (at < most && strchr(" \t\r\n", bytes[at]) != NULL && bytes[at] != '\0')
        at++;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (nbytes - at >= texts[i].length &&
            strncasecmp((const char *)bytes + at, texts[i].magic, texts[i].length) == 0)
            return texts[i].what;
    for (size_t i = 0; i < most; i++)
        if (bytes[i] == 0x7f || (bytes[i] < ' ' && strchr("\t\r\n", bytes[i]) == NULL) || bytes[i] == '\0')
            return NULL;
    return nbytes < SHORTEST_TEXT ? NULL : "a text, perhaps the answer of a server instead of the file";
}

/* A message's first field, a small number, then a text or a message: ONNX's ModelProto, TensorFlow's SavedModel. */
static bool is_protocol_buffer(const unsigned char *bytes, size_t nbytes)
{
    return nbytes >= 16 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 32 && (bytes[2] == 0x12 || bytes[2] == 0x3a);
}

/* The index of TensorFlow's checkpoints, a table of LevelDB. */
static bool is_table(const unsigned char *bytes, size_t nbytes)
{
    return nbytes >= 48 && memcmp(bytes + nbytes - 8, "\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8) == 0;
}

static bool is_blank(const unsigned char *bytes, size_t nbytes)
{
    for (size_t i = 0; i < LOOKED_AT; i++)
        if (i >= nbytes || bytes[i] != 0)
            return false;
    return true;
}

const char *rn_checkpoint_stranger(const unsigned char *bytes, size_t nbytes)
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        const stranger *const s = &strangers[i];

        if (nbytes >= (size_t)s->at + s->length && memcmp(bytes + s->at, s->magic, s->length) == 0)
            return s->what;
    }
    if (is_protocol_buffer(bytes, nbytes))
        return "a protocol buffer, such as ONNX's or TensorFlow's" UNREAD;
    if (is_table(bytes, nbytes))
        return "the index of a TensorFlow checkpoint" UNREAD;
    if (is_blank(bytes, nbytes))
        return "empty, zeros at least at its beginning: a download that was broken off";
    return find_text(bytes, nbytes);
}
