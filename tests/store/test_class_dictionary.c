/* SPDX-License-Identifier: MIT */
/* The class table that a script of PyTorch's wrote beside the weights is compared, or taken, like one of our own. */
#include "store/own_network.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

static rn_context *context;

static int begin(void **state)
{
    (void)state;
    context = rn_test_context(1, RN_ISA_AUTO);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rn_context_destroy(context);
    return 0;
}

/* A checkpoint with "key=value" for each of the words of `text`. */
static rn_checkpoint *make_file(const char *text)
{
    rn_checkpoint *file = NULL;

    require_ok(context, rn_checkpoint_create(&file, context));
    while (*text != '\0') {
        char word[64];
        const size_t length = strcspn(text, " ");

        snprintf(word, sizeof word, "%.*s", (int)length, text);
        *strchr(word, '=') = '\0';
        require_ok(context, rn_checkpoint_set_metadata(file, word, word + strlen(word) + 1));
        text += length + (text[length] == ' ');
    }
    return file;
}

static void every_form_is_understood(void **state)
{
    static const struct {
        const char *text, *folders, *names; /* NULL: no table of three */
    } cases[] = {
        { "class_to_idx.b=1 class_to_idx.c=2 class_to_idx.a=0", "abc", "abc" },
        { "class_to_idx.c=0 class_to_idx.b=1 class_to_idx.a=2", "cba", "cba" },
        { "epoch=3 mapping.x=0 mapping.y=1 mapping.z=2", "xyz", "xyz" },
        { "hyper_parameters.class_to_idx.a=1 hyper_parameters.class_to_idx.b=0 hyper_parameters.class_to_idx.c=2",
          "bac", "bac" },
        { "idx_to_class.0=a idx_to_class.1=b idx_to_class.2=c", "abc", "abc" },
        { "classes.0=q classes.1=r classes.2=s classes_seen=3", "qrs", "qrs" },
        { "class_names.2=c class_names.1=b class_names.0=a", "abc", "abc" },
        { "class_to_idx.0=c class_to_idx.1=b class_to_idx.2=a", "cba", "cba" },
        { "class_to_idx.0=1 class_to_idx.1=0 class_to_idx.2=2", "102", "102" }, /* of two meanings the word's */
        { "mapping.a=0 mapping.b=1 mapping.c=2 class_to_name.a=A cat_to_name.b=B cat_to_name.a=Z", "abc", "ABc" },
        { "classes.0=4 classes.1=4 classes.2=4 class_to_idx.a=0 class_to_idx.b=1 class_to_idx.c=2", "abc", "abc" },
        { "class_to_idx.a=0 class_to_idx.b=1", NULL, NULL },                                     /* too few */
        { "class_to_idx.a=0 class_to_idx.b=1 class_to_idx.c=2 class_to_idx.d=3", NULL, NULL },   /* too many */
        { "class_to_idx.a=0 class_to_idx.b=1 class_to_idx.c=1", NULL, NULL },                    /* twice */
        { "class_to_idx.a=0 class_to_idx.b=1 class_to_idx.c=-2", NULL, NULL },                   /* no index */
        { "class_to_idx.a=0 class_to_idx.b=1 class_to_idx.c=18446744073709551618", NULL, NULL }, /* 2 + 2^64 */
        { "class_to_idx.a=0 class_to_idx.b=1 class_to_idx.c=", NULL, NULL },                     /* none */
        { "classes.0=a classes.1=a classes.2=b", NULL, NULL },                                   /* no folders */
        { "classes.0.id=a classes.1.id=b classes.2.id=c", NULL, NULL },                          /* deeper */
        { "subclasses.0=a subclasses.1=b subclasses.2=c", NULL, NULL },                          /* another word */
        { "classes=3 a=b c=d", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_checkpoint *file = make_file(cases[i].text);
        rn_classes *classes = NULL;

        require_ok(context, rn_file_class_dictionary(&classes, context, file, 3));
        if ((classes != NULL) != (cases[i].folders != NULL))
            fail_msg("%s: %s", cases[i].text, classes != NULL ? "a table" : "no table");
        for (size_t k = 0; classes != NULL && k < 3; k++) {
            assert_int_equal(rn_classes_folder(classes, k)[0], cases[i].folders[k]);
            assert_int_equal(rn_classes_name(classes, k)[0], cases[i].names[k]);
        }
        rn_classes_destroy(classes);
        rn_checkpoint_destroy(file);
    }
}

/* The weights of a model without a table, and what a script wrote beside them. */
static rn_checkpoint *make_script_file(void)
{
    rn_checkpoint *file = make_file("class_to_idx.cat=0 class_to_idx.dog=1");
    rn_model *model = make_own_network(context, NULL);

    require_ok(context, rn_model_state_dict(file, model));
    rn_model_destroy(model);
    return file;
}

static void a_head_of_other_classes_is_refused_unless_asked_for(void **state)
{
    static const char *const same[] = { "cat", "dog" }, *const other[] = { "dog", "cat" };
    rn_checkpoint *file = make_script_file();
    rn_model *model = make_own_network(context, other), *agreeing = make_own_network(context, same);

    (void)state;
    require_ok(context, rn_model_load_checkpoint(agreeing, file, NULL));
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    assert_non_null(
        strstr(rn_context_message(context), "class 0 is \"cat\" in the checkpoint and \"dog\" in the model"));
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .classes = RN_CLASSES_IGNORE)));
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP)));
    assert_string_equal(rn_classes_folder(rn_model_classes(model), 0), "dog");
    rn_model_destroy(agreeing);
    rn_model_destroy(model);
    rn_checkpoint_destroy(file);
}

static void a_model_without_a_table_takes_it_with_the_head(void **state)
{
    rn_checkpoint *file = make_script_file();
    rn_model *model = make_own_network(context, NULL);

    (void)state;
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP)));
    assert_null(rn_model_classes(model));
    require_ok(context, rn_model_load_checkpoint(model, file, NULL));
    assert_string_equal(rn_classes_folder(rn_model_classes(model), 1), "dog");
    rn_model_destroy(model);
    rn_checkpoint_destroy(file);
}

/* A table of our own says more, and comes first. */
static void our_own_table_comes_first(void **state)
{
    static const char *const own[] = { "a", "b" };
    rn_checkpoint *file = make_file("class_to_idx.cat=0 class_to_idx.dog=1");
    rn_model *from = make_own_network(context, own), *to = make_own_network(context, NULL);

    (void)state;
    require_ok(context, rn_model_state_dict(file, from));
    require_ok(context, rn_model_load_checkpoint(to, file, NULL));
    assert_string_equal(rn_classes_folder(rn_model_classes(to), 0), "a");
    rn_model_destroy(to);
    rn_model_destroy(from);
    rn_checkpoint_destroy(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_form_is_understood),
        TEST(a_head_of_other_classes_is_refused_unless_asked_for),
        TEST(a_model_without_a_table_takes_it_with_the_head),
        TEST(our_own_table_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
