/* SPDX-License-Identifier: MIT */
/*
 * The structure of the other families: sizes of maps as torchvision's modules give them, heads, dropouts, second
 * outputs, strides, preprocessing. State dicts: test_catalogue.c; numbers: parity/test_torchvision.c. Only graphs are
 * written: nothing of the largest networks is allocated.
 */
#include "zoo/zoo.h"

#include "support/one_context.h"

static rn_graph *write_network(const char *name, int64_t height, int64_t width)
{
    const rn_zoo_entry *const entry = rn_zoo_find(name);
    rn_graph *graph = NULL;

    if (entry == NULL)
        fail_msg("the zoo has no %s", name);
    require_ok(context, rn_graph_create(&graph, context));
    entry->write(graph, name, 10, height != 0 ? height : entry->height, width != 0 ? width : entry->width);
    return graph;
}

static const rn_layer *find_layer(const rn_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->count; i++)
        if (strcmp(graph->layer[i].name, name) == 0)
            return &graph->layer[i];
    for (int32_t i = graph->alias_count - 1; i >= 0; i--)
        if (strcmp(graph->alias[i].name, name) == 0)
            return &graph->layer[graph->alias[i].value];
    fail_msg("no value %s", name);
    return NULL;
}

static void maps_have_the_sizes_of_torchvision(void **state)
{
    static const struct {
        const char *network;
        int64_t height, width; /* 0: the network's own */
        const char *value;
        int64_t c, h, w;
    } known[] = {
        { "alexnet", 0, 0, "features.0", 64, 55, 55 },
        { "alexnet", 0, 0, "features.2", 64, 27, 27 },
        { "alexnet", 0, 0, "features.5", 192, 13, 13 },
        { "alexnet", 0, 0, "features", 256, 6, 6 },
        { "alexnet", 300, 200, "features", 256, 8, 5 },
        { "alexnet", 300, 200, "avgpool", 256, 6, 6 },
        { "alexnet", 0, 0, "classifier.1", 4096, 1, 1 },
        { "vgg11_bn", 0, 0, "features.3", 64, 112, 112 },
        { "vgg11_bn", 0, 0, "features.28", 512, 7, 7 },
        { "vgg19", 224, 160, "features.4", 64, 112, 80 },
        { "vgg19", 224, 160, "features.36", 512, 7, 5 },
        { "vgg19", 224, 160, "avgpool", 512, 7, 7 },
        { "densenet121", 0, 0, "features.conv0", 64, 112, 112 },
        { "densenet121", 0, 0, "features.pool0", 64, 56, 56 },
        { "densenet121", 0, 0, "features.denseblock1", 256, 56, 56 },
        { "densenet121", 0, 0, "features.transition1", 128, 28, 28 },
        { "densenet121", 0, 0, "features.denseblock2", 512, 28, 28 },
        { "densenet121", 0, 0, "features.transition3", 512, 7, 7 },
        { "densenet121", 0, 0, "features.norm5", 1024, 7, 7 },
        { "densenet161", 224, 192, "features.pool0", 96, 56, 48 },
        { "densenet161", 224, 192, "features.denseblock4", 2208, 7, 6 },
        { "squeezenet1_1", 0, 0, "features.0", 64, 111, 111 },
        { "squeezenet1_1", 0, 0, "features.3", 128, 55, 55 },
        { "squeezenet1_1", 0, 0, "features.5", 128, 27, 27 },
        { "squeezenet1_1", 0, 0, "features.7", 256, 27, 27 },
        { "squeezenet1_1", 0, 0, "features.10", 384, 13, 13 },
        { "squeezenet1_1", 0, 0, "features.12", 512, 13, 13 },
        { "inception_v3", 0, 0, "Conv2d_1a_3x3", 32, 149, 149 },
        { "inception_v3", 0, 0, "Conv2d_2b_3x3", 64, 147, 147 },
        { "inception_v3", 0, 0, "Conv2d_4a_3x3", 192, 71, 71 },
        { "inception_v3", 0, 0, "Mixed_5b", 256, 35, 35 },
        { "inception_v3", 0, 0, "Mixed_5d", 288, 35, 35 },
        { "inception_v3", 0, 0, "Mixed_6a", 768, 17, 17 },
        { "inception_v3", 0, 0, "Mixed_6e", 768, 17, 17 },
        { "inception_v3", 0, 0, "Mixed_7a", 1280, 8, 8 },
        { "inception_v3", 0, 0, "Mixed_7c", 2048, 8, 8 },
        { "resnext50_32x4d", 0, 0, "layer1.0.conv2", 128, 56, 56 },
        { "resnext50_32x4d", 0, 0, "layer4.2.conv2", 1024, 7, 7 },
        { "wide_resnet50_2", 0, 0, "layer1.0.conv2", 128, 56, 56 },
        { "wide_resnet50_2", 0, 0, "layer4.2.conv2", 1024, 7, 7 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        rn_graph *const graph = write_network(known[i].network, known[i].height, known[i].width);
        const rn_value_shape shape = find_layer(graph, known[i].value)->shape;

        if (shape.c != known[i].c || shape.h != known[i].h || shape.w != known[i].w)
            fail_msg("%s, %s: (%d, %d, %d)", known[i].network, known[i].value, (int)shape.c, (int)shape.h,
                     (int)shape.w);
        rn_graph_destroy(graph);
    }
}

static void heads_are_what_fine_tuning_replaces(void **state)
{
    static const char *const known[][3] = { { "alexnet", "classifier.6" },   { "vgg16", "classifier.6" },
                                            { "vgg16_bn", "classifier.6" },  { "squeezenet1_1", "classifier" },
                                            { "densenet121", "classifier" }, { "inception_v3", "fc", "AuxLogits.fc" },
                                            { "resnext50_32x4d", "fc" },     { "plain18", "fc" },
                                            { "cifar_plain20", "linear" } };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        rn_graph *const graph = write_network(known[i][0], 0, 0);
        const int32_t parts = known[i][2] != NULL ? 2 : 1;

        assert_int_equal(graph->head_count, parts);
        for (int32_t part = 0; part < parts; part++)
            assert_string_equal(graph->head[part], known[i][1 + part]);
        rn_graph_destroy(graph);
    }
}

static void dropouts_are_those_of_torchvision(void **state)
{
    static const char *const known[][2] = {
        { "alexnet", "classifier.0" }, { "alexnet", "classifier.3" },       { "vgg13", "classifier.2" },
        { "vgg13", "classifier.5" },   { "squeezenet1_1", "classifier.0" }, { "inception_v3", "dropout" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        rn_graph *const graph = write_network(known[i][0], 0, 0);

        assert_int_equal(find_layer(graph, known[i][1])->kind, RN_LAYER_DROPOUT);
        assert_true(find_layer(graph, known[i][1])->as.dropout.probability == 0.5);
        rn_graph_destroy(graph);
    }
}

static void inception_has_a_second_classifier(void **state)
{
    rn_graph *const graph = write_network("inception_v3", 0, 0);

    (void)state;
    assert_int_equal(graph->output_count, 2);
    assert_string_equal(graph->output[0].name, "logits");
    assert_string_equal(graph->output[1].name, "aux");
    assert_true(graph->output[0].loss_weight == 1 && !graph->output[0].auxiliary);
    assert_true(graph->output[1].loss_weight == 0.4 && graph->output[1].auxiliary);
    assert_true(find_layer(graph, "Mixed_5b.branch_pool.bn")->as.batch_norm.eps == 1e-3);
    for (int32_t i = 0; i < graph->count; i++)
        if (graph->layer[i].kind == RN_LAYER_AVG_POOL2D)
            assert_false(graph->layer[i].as.pool.exclude_padding);
    rn_graph_destroy(graph);
}

/* The same photo through ImageNet's normalisation and torchvision's transform_input, and through the pipeline here. */
static void inceptions_pipeline_is_torchvisions_transform_of_the_input(void **state)
{
    static const double mean[] = { 0.485, 0.456, 0.406 }, deviation[] = { 0.229, 0.224, 0.225 };
    const char *const imagenet =
        "Resize(342), CenterCrop(299), ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)";
    char ours[256];
    uint8_t *const pixels = malloc((size_t)350 * 360 * 3);
    rn_pipeline *a = NULL, *b = NULL;
    rn_tensor *x = NULL, *y = NULL;
    rn_image *image = NULL;
    double worst = 0;

    (void)state;
    assert_non_null(pixels);
    for (size_t i = 0; i < (size_t)350 * 360 * 3; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    snprintf(ours, sizeof ours, "Resize(342), CenterCrop(299), %s", rn_zoo_find("inception_v3")->floats);
    require_ok(context, rn_image_create(&image, context, 360, 350, pixels, 0));
    require_ok(context, rn_pipeline_create(&a, context, imagenet));
    require_ok(context, rn_pipeline_create(&b, context, ours));
    require_ok(context, rn_pipeline_apply(&x, context, a, image, NULL));
    require_ok(context, rn_pipeline_apply(&y, context, b, image, NULL));
    for (int64_t c = 0; c < 3; c++)
        for (int64_t p = 0; p < 299 * 299; p += 97) {
            const int64_t at[] = { c, p / 299, p % 299 };
            double from, to;

            require_ok(context, rn_tensor_get(x, at, &from));
            require_ok(context, rn_tensor_get(y, at, &to));
            from = from * (deviation[c] / 0.5) + (mean[c] - 0.5) / 0.5;
            worst = fmax(worst, fabs(from - to));
        }
    assert_true(worst < 1e-6);
    rn_tensor_destroy(x);
    rn_tensor_destroy(y);
    rn_pipeline_destroy(a);
    rn_pipeline_destroy(b);
    rn_image_destroy(image);
    free(pixels);
}

static void the_first_resnets_have_their_stride_at_the_first_convolution(void **state)
{
    rn_graph *const first = write_network("resnet50_v1", 0, 0), *const later = write_network("resnet50", 0, 0);

    (void)state;
    assert_int_equal(find_layer(first, "layer2.0.conv1")->as.conv.stride_h, 2);
    assert_int_equal(find_layer(first, "layer2.0.conv2")->as.conv.stride_h, 1);
    assert_int_equal(find_layer(first, "layer1.0.conv1")->as.conv.stride_h, 1);
    assert_int_equal(find_layer(later, "layer2.0.conv1")->as.conv.stride_h, 1);
    assert_int_equal(find_layer(later, "layer2.0.conv2")->as.conv.stride_h, 2);
    rn_graph_destroy(first);
    rn_graph_destroy(later);
}

static void groups_and_shortcuts_are_as_the_names_say(void **state)
{
    rn_graph *const next = write_network("resnext101_32x8d", 0, 0);

    (void)state;
    assert_int_equal(find_layer(next, "layer3.7.conv2")->as.conv.groups, 32);
    assert_int_equal(find_layer(next, "layer3.7.conv2")->shape.c, 1024);
    assert_int_equal(find_layer(next, "layer3.7.conv3")->as.conv.groups, 1);
    rn_graph_destroy(next);
    for (int i = 0; i < 4; i++) {
        static const char *const plain[] = { "plain18", "plain34", "cifar_plain20", "cifar_plain56" };
        rn_graph *const graph = write_network(plain[i], 0, 0);

        for (int32_t k = 0; k < graph->count; k++)
            assert_true(graph->layer[k].kind != RN_LAYER_ADD && graph->layer[k].kind != RN_LAYER_SHORTCUT_A);
        rn_graph_destroy(graph);
    }
}

/* What is too small is refused by a layer's name, never by an empty map. */
static void small_pictures_are_refused_by_name(void **state)
{
    static const int64_t sides[] = { 1, 2, 7, 20, 33, 64, 110 };

    (void)state;
    for (size_t i = 0; rn_zoo_name(i) != NULL; i++) {
        for (size_t k = 0; k < sizeof sides / sizeof sides[0]; k++) {
            rn_graph *const graph = write_network(rn_zoo_name(i), sides[k], sides[k] + 3);

            if (graph->status != RN_OK) {
                assert_int_equal(graph->status, RN_SHAPE);
                assert_non_null(strstr(graph->message.text, "smaller than the"));
            }
            rn_graph_destroy(graph);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_have_the_sizes_of_torchvision),
        cmocka_unit_test(heads_are_what_fine_tuning_replaces),
        cmocka_unit_test(dropouts_are_those_of_torchvision),
        cmocka_unit_test(inception_has_a_second_classifier),
        cmocka_unit_test(inceptions_pipeline_is_torchvisions_transform_of_the_input),
        cmocka_unit_test(the_first_resnets_have_their_stride_at_the_first_convolution),
        cmocka_unit_test(groups_and_shortcuts_are_as_the_names_say),
        cmocka_unit_test(small_pictures_are_refused_by_name),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
