/* SPDX-License-Identifier: MIT */
/*
 * Mutations of every picture: bytes flipped, cut, inserted, copied about, deterministic. A decoder gives a whole
 * picture or refuses with a message that names the file; it leaks nothing. PNG checksums are mended after half of the
 * mutations, so that what lies behind them is reached.
 */
#include "image/pictures.h"

#include <dirent.h>
#include <zlib.h>

enum { ROUNDS = 1500, LARGEST_FILE = 16384, LONGEST = 64 };

static uint32_t next(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* Changes the bytes in one of several ways; there is room for one more. */
static size_t mutate(uint8_t *bytes, size_t nbytes, uint32_t *random)
{
    static const uint8_t interesting[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, 0xd8, 0xd9, 0xda, 0xc0, 0xc2, 0xdd, 0x10 };
    const size_t at = nbytes == 0 ? 0 : next(random) % nbytes;
    const size_t length = nbytes - at < LONGEST ? nbytes - at : 1 + next(random) % LONGEST;

    switch (next(random) % 7) {
    case 0: return at;
    case 1:
        if (nbytes > 0)
            bytes[at] ^= (uint8_t)(1u << next(random) % 8);
        return nbytes;
    case 2: /* headers are small: most bytes that matter are in front */
        if (nbytes > 0)
            bytes[at % (nbytes < 700 ? nbytes : 700)] = interesting[next(random) % sizeof interesting];
        return nbytes;
    case 3:
        memmove(bytes + at + 1, bytes + at, nbytes - at);
        bytes[at] = interesting[next(random) % sizeof interesting];
        return nbytes + 1;
    case 4: memmove(bytes + at, bytes + at + length, nbytes - at - length); return nbytes - length;
    case 5:
        if (nbytes > 0)
            memmove(bytes + next(random) % (nbytes - length + 1), bytes + at, length);
        return nbytes;
    default:
        if (nbytes > 0)
            bytes[at] = (uint8_t)next(random);
        return nbytes;
    }
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Makes the checksums of a PNG right as far as its chunks can be followed. */
static void mend_checksums(uint8_t *bytes, size_t nbytes)
{
    for (size_t at = 8; at + 12 <= nbytes;) {
        const size_t length = big_endian(bytes + at);
        uint32_t crc;

        if (length > nbytes - at - 12)
            return;
        crc = (uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

/* Decodes from a block that ends where the bytes end. */
static bool try_decoding(rn_context *context, const uint8_t *bytes, size_t nbytes, const char *name)
{
    uint8_t *const exact = malloc(nbytes + (nbytes == 0));
    rn_image *image;
    rn_status status;

    assert_non_null(exact);
    memcpy(exact, bytes, nbytes);
    status = rn_image_decode(&image, context, exact, nbytes, name, NULL);
    free(exact);
    if (status == RN_OK) {
        /* Every pixel can be read. */
        crc_of(rn_image_pixels(image), (size_t)rn_image_width(image) * (size_t)rn_image_height(image) * 3);
        rn_image_destroy(image);
        return true;
    }
    assert_null(image);
    if (status != RN_FORMAT && status != RN_UNSUPPORTED && status != RN_NO_MEMORY)
        fail_msg("%s: %s", name, rn_context_message(context));
    assert_non_null(strstr(rn_context_message(context), name));
    return false;
}

static void attack(rn_context *context, const char *name)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file(name, &nbytes), *const changed = malloc(nbytes + 8);
    uint32_t random = (uint32_t)nbytes * 2654435761u;

    assert_non_null(changed);
    assert_true(nbytes <= LARGEST_FILE);
    try_decoding(context, bytes, nbytes, name); /* a build may lack its decoder */
    for (int round = 0; round < ROUNDS; round++) {
        size_t length = nbytes;

        memcpy(changed, bytes, nbytes);
        for (int i = 0; i <= round % 4; i++)
            length = mutate(changed, length, &random);
        if (round % 2 == 0 && changed[0] == 0x89)
            mend_checksums(changed, length);
        try_decoding(context, changed, length, name);
    }
    free(changed);
    free(bytes);
}

/* Every picture of a folder; gives how many there are. */
static int attack_all(rn_context *context, const char *folder)
{
    char path[64], name[320];
    DIR *directory;
    int count = 0;

    snprintf(path, sizeof path, "image/fixtures/%s", folder);
    directory = opendir(rn_test_fixture(path));
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strchr(entry->d_name, '.') == NULL || entry->d_name[0] == '.' || strstr(entry->d_name, ".tsv") != NULL)
            continue;
        snprintf(name, sizeof name, "%s%s", folder, entry->d_name);
        attack(context, name);
        count++;
    }
    closedir(directory);
    return count;
}

static void no_mutation_does_harm(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *context;
    int count;

    (void)state;
    assert_int_equal(
        rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                               .release = rn_test_release, .allocator_payload = &allocator)),
        RN_OK);
    const long before = allocator.live;
    count = attack_all(context, "");
    assert_true(count >= 27);
    count = attack_all(context, "formats/");
    assert_true(count >= 42);
    assert_int_equal(allocator.live, before);
    rn_context_destroy(context);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_mutation_does_harm) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
