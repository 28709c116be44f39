/* SPDX-License-Identifier: MIT */
/* Writes what the targets start from into a directory: make_seeds DIRECTORY. */
#include "fuzz_network.h"
#include "train/train.h"

#include <sys/stat.h>

static const char *place(const char *directory, const char *target, const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", directory, target);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
    return path;
}

static void write_text(const char *path, const char *text)
{
    FILE *const file = fopen(path, "wb");

    fuzz_require(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void write_training(const char *path)
{
    rn_context *const context = fuzz_context();
    rn_model *const model = fuzz_network(context);
    const rn_phase phase = { .name = (char *)"all", .lr = 0.1, .lr_gamma = 0.1, .lr_step_epochs = 7, .epochs = 2 };
    rn_train_state state = { .network = (char *)"tiny", .pipeline = (char *)"ToTensor()", .batch_size = 8 };
    rn_training_state parts = { 0 };
    char *text;

    fuzz_require(rn_train_state_add_phase(&state, &phase, &context->allocator, NULL) == RN_OK);
    state.training_pipeline = state.pipeline;
    fuzz_require(rn_train_state_write(&text, &state, NULL) == RN_OK);
    parts.state = text;
    fuzz_optimizer(&parts, model);
    fuzz_require(rn_training_save(model, &parts, path) == RN_OK);
    rn_json_release_text(text);
    rn_scheduler_destroy(parts.scheduler);
    rn_optimizer_destroy(parts.optimizer);
    state.network = state.pipeline = state.training_pipeline = NULL;
    rn_train_state_release(&state, &context->allocator);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

/* The header of a model file alone, which is what fuzz_model takes. */
static void write_header(const char *path)
{
    rn_context *const context = fuzz_context();
    rn_model *model;
    unsigned char prefix[8];
    size_t nbytes = 0;
    FILE *file;
    char *header;

    fuzz_require(rn_model_create(&model, context, "cifar_resnet20", RN_OPTIONS(rn_model, .class_count = 2)) == RN_OK);
    fuzz_require(rn_model_save(model, path, NULL) == RN_OK);
    rn_model_destroy(model);
    rn_context_destroy(context);
    file = fopen(path, "rb");
    fuzz_require(file != NULL && fread(prefix, 1, sizeof prefix, file) == sizeof prefix);
    for (int i = 7; i >= 0; i--)
        nbytes = nbytes << 8 | prefix[i];
    header = calloc(1, nbytes + 1);
    fuzz_require(header != NULL && fread(header, 1, nbytes, file) == nbytes && fclose(file) == 0);
    write_text(path, header);
    free(header);
}

/* States of the small network's optimizer, as fuzz_optimizer takes them. */
static void write_states(const char *directory)
{
    static const char adam[] =
        "\x02o.param_groups.0.lr\t0.5\no.param_groups.0.betas.0\t0.9\no.param_groups.0.betas.1\t0.5\n"
        "o.param_groups.0.eps\t1e-08\no.param_groups.0.weight_decay\t0\n"
        "o.param_groups.0.amsgrad\tfalse\no.param_groups.0.params.0\t0\n"
        "o.param_groups.0.params.1\t1\n#o.state.0.exp_avg 2 1\n#o.state.0.exp_avg_sq 2 1\n"
        "#o.state.0.step\no.state.1.step\t7\n#o.state.1.exp_avg 2\n#o.state.1.exp_avg_sq 2\n"
        "s.last_epoch\t3\ns.step_size\t7\ns.gamma\t0.1";
    static const char sgd[] = "\x03o.param_groups.0.lr\t0.5\no.param_groups.0.momentum\t0.9\n"
                              "o.param_groups.0.dampening\t0\no.param_groups.0.nesterov\ttrue\n"
                              "o.param_groups.0.weight_decay\t0\no.param_groups.0.params.0\t140\n"
                              "o.param_groups.0.params.1\t139\n#o.state.139.momentum_buffer 2";
    static const char own[] =
        "\x01rn.scheduler\t{\"epoch\":3,\"step_size\":7,\"gamma\":0.1}\n"
        "#optimizer.momentum_buffer.fc.bias 2\n#fc.bias 2\nepoch\t12\nnote\ttrue\n"
        "rn.optimizer\t{\"rule\":\"sgd\",\"lr\":1,\"weight_decay\":0,\"momentum\":0.5,\"dampening\":0,"
        "\"groups\":[[\"fc.bias\"]],\"steps\":{\"fc.bias\":2}}";

    write_text(place(directory, "fuzz_optimizer", "adam"), adam);
    write_text(place(directory, "fuzz_optimizer", "sgd"), sgd);
    write_text(place(directory, "fuzz_optimizer", "own"), own);
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 2;
    write_text(place(arguments[1], "fuzz_pipeline", "all"),
               "Resize(9), RandomRotation(45), CenterCrop(8), RandomHorizontalFlip(), RandomVerticalFlip(0.25), "
               "ColorJitter(0.2, 0.1, 0.1, 0.1), RandomGrayscale(), ToTensor(), Normalize(0.4 0.4 0.4, 0.2 0.2 0.2)");
    write_text(place(arguments[1], "fuzz_pipeline", "decimals"),
               "ToTensor(), Normalize(-.123456789012345 0000000000000000007 123456.789012345, .666666444444662 1 "
               "0.000000000000001)");
    write_text(
        place(arguments[1], "fuzz_pipeline", "words"),
        "GaussianBlur(3, 5, sigma=(0.1, 2)), RandomCrop(9, padding=2, padding_mode='reflect'), Pad(1, symmetric), "
        "RandomRotation(9, center 0 3.5, expand), ToTensor(), RandomErasing(1, value=\"random\")");
    write_text(place(arguments[1], "fuzz_labels", "object"),
               "{\"1\": \"daisy\", \"2\": \"rose \\u00e9\", \"x\": \"\"}");
    write_text(place(arguments[1], "fuzz_list", "csv"), "\x08path,label\n99,cat\r\n\"99\",\"cat\"\n\nabsent,dog\n");
    write_text(place(arguments[1], "fuzz_list", "table"), "\x04"
                                                          "99\tcat\n# dog\n99\tcat\n");
    write_text(place(arguments[1], "fuzz_list", "swapped"), "\x11\xef\xbb\xbf"
                                                            "12,99\n12,\"9\"\"9\"\n");
    write_text(place(arguments[1], "fuzz_list", "blanks"), "\x03"
                                                           "99 7\n99  7\n");
    write_text(place(arguments[1], "fuzz_list", "named"), " file,x,label\n99,1,\xb2\xdd\n");
    write_training(place(arguments[1], "fuzz_training", "last.safetensors"));
    write_states(arguments[1]);
    write_header(place(arguments[1], "fuzz_model", "header"));
    return 0;
}
