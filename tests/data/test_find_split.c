/* SPDX-License-Identifier: MIT */
/* Finding train and validation folders by the names that people give them. */
#define _GNU_SOURCE
#include "data/folders.h"
#include "support/one_context.h"

#include <unistd.h>

/* What is found among folders, a blank between two; NULL: nothing, and the message says `said`. */
typedef struct found {
    const char *folders;
    rn_split split;
    const char *name, *said;
} found;

static const char *make_folders(const char *folders)
{
    const char *const root = rn_test_directory();
    char text[256], *rest = text;

    snprintf(text, sizeof text, "%s", folders);
    for (const char *name = strtok_r(text, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest))
        make_folder(root, name);
    return root;
}

static void folders_are_found_by_their_names(void **state)
{
    static const found cases[] = {
        { "train val", RN_SPLIT_VALID, "val", NULL },          /* PyTorch's transfer learning tutorial */
        { "train valid test", RN_SPLIT_VALID, "valid", NULL }, /* the flower data */
        { "train validation", RN_SPLIT_VALID, "validation", NULL },
        { "train dev test", RN_SPLIT_VALID, "dev", NULL },
        { "train test", RN_SPLIT_VALID, "test", NULL },
        { "Training Testing", RN_SPLIT_VALID, "Testing", NULL },
        { "TRAIN VAL", RN_SPLIT_VALID, "VAL", NULL },
        { "train val", RN_SPLIT_TRAIN, "train", NULL },
        { "Training Testing", RN_SPLIT_TRAIN, "Training", NULL },
        { "train val test", RN_SPLIT_TEST, "test", NULL },
        { "train val", RN_SPLIT_TEST, NULL, "no folder in it is called test or testing" },
        { "train val valid", RN_SPLIT_VALID, NULL, "has both val and valid" },
        { "train Val val", RN_SPLIT_VALID, NULL, "has both Val and val" },
        { "train test testing", RN_SPLIT_VALID, NULL, "has both test and testing" },
        { "train training", RN_SPLIT_TRAIN, NULL, "has both train and training" },
        { "ants bees", RN_SPLIT_TRAIN, NULL, "is called train or training" },
        { "train values", RN_SPLIT_VALID, NULL, "is called val, valid, validation, dev or test" },
    };
    char path[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const root = make_folders(cases[i].folders);
        const rn_status status = rn_image_folder_find_split(path, sizeof path, context, root, cases[i].split);

        if (cases[i].name != NULL) {
            require_ok(context, status);
            assert_string_equal(path, rn_test_path(root, cases[i].name));
        } else {
            require_status(context, status, RN_FORMAT);
            assert_string_equal(path, "");
            assert_non_null(strstr(rn_context_message(context), root));
            assert_non_null(strstr(rn_context_message(context), cases[i].said));
        }
    }
}

static void files_are_no_parts_and_links_are_followed(void **state)
{
    const char *const root = make_folders("elsewhere"), *const with_slash = rn_test_path(root, "");
    char path[512];

    (void)state;
    write_text(root, "val", "");
    require_status(context, rn_image_folder_find_split(path, sizeof path, context, root, RN_SPLIT_VALID), RN_FORMAT);
    assert_int_equal(symlink("elsewhere", rn_test_path(root, "valid")), 0);
    require_ok(context, rn_image_folder_find_split(path, sizeof path, context, with_slash, RN_SPLIT_VALID));
    assert_string_equal(path, rn_test_path(root, "valid"));
}

static void arguments_are_checked(void **state)
{
    const char *const root = make_folders("train");
    char path[512] = "x";

    (void)state;
    assert_int_equal(rn_image_folder_find_split(path, sizeof path, NULL, root, RN_SPLIT_TRAIN), RN_INVALID_ARGUMENT);
    assert_string_equal(path, "");
    require_status(context, rn_image_folder_find_split(NULL, 9, context, root, RN_SPLIT_TRAIN), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_folder_find_split(path, 9, context, NULL, RN_SPLIT_TRAIN), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_folder_find_split(path, 9, context, "", RN_SPLIT_TRAIN), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_folder_find_split(path, 9, context, root, (rn_split)3), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_folder_find_split(path, 9, context, "/absent", RN_SPLIT_TRAIN), RN_IO);
    for (size_t size = 0; size <= strlen(root) + 6; size++) {
        require_status(context, rn_image_folder_find_split(path, size, context, root, RN_SPLIT_TRAIN),
                       RN_INVALID_ARGUMENT);
        assert_string_equal(path, "");
    }
    require_ok(context, rn_image_folder_find_split(path, strlen(root) + 7, context, root, RN_SPLIT_TRAIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_found_by_their_names),
        cmocka_unit_test(files_are_no_parts_and_links_are_followed),
        cmocka_unit_test(arguments_are_checked),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
