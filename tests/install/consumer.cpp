/* SPDX-License-Identifier: MIT */
/*
 * A program of a stranger, in C++17: options by rn::options, objects in unique_ptr, callbacks for memory, log and
 * progress. It writes a few pictures of two colours below the directory that it is given, trains a small network on
 * them and asks it for one of them.
 */
#include <resnet/resnet.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

template <auto destroy> struct destroyer {
    template <typename T> void operator()(T *object) const { destroy(object); }
};
template <typename T, auto destroy> using handle = std::unique_ptr<T, destroyer<destroy>>;

using context_handle = handle<rn_context, rn_context_destroy>;
using graph_handle = handle<rn_graph, rn_graph_destroy>;
using model_handle = handle<rn_model, rn_model_destroy>;
using dataset_handle = handle<rn_dataset, rn_dataset_destroy>;
using trainer_handle = handle<rn_trainer, rn_trainer_destroy>;
using predictions_handle = handle<rn_predictions, rn_predictions_destroy>;

struct memory_count {
    long given = 0, live = 0;
};

void *allocate(std::size_t bytes, std::size_t alignment, void *payload)
{
    auto *count = static_cast<memory_count *>(payload);
    void *memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment + alignment);

    if (memory != nullptr) {
        count->given++;
        count->live++;
    }
    return memory;
}

void release(void *memory, void *payload)
{
    static_cast<memory_count *>(payload)->live--;
    std::free(memory);
}

void require(const context_handle &context, rn_status status, const char *what)
{
    if (status != RN_OK)
        throw std::runtime_error(std::string(what) + ": " + rn_context_message(context.get()));
}

/* A BMP of one colour with a little noise. */
void write_picture(const std::filesystem::path &path, int red, int blue, unsigned seed)
{
    constexpr int side = 16;
    std::vector<std::uint8_t> file(54 + side * side * 3);
    auto put = [&file](std::size_t at, std::uint32_t value, int bytes) {
        for (int i = 0; i < bytes; i++)
            file[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> 8 * i);
    };

    file[0] = 'B';
    file[1] = 'M';
    put(2, static_cast<std::uint32_t>(file.size()), 4);
    put(10, 54, 4);
    put(14, 40, 4);
    put(18, side, 4);
    put(22, side, 4);
    put(26, 1, 2);
    put(28, 24, 2);
    for (std::size_t i = 54; i < file.size(); i += 3) {
        seed = seed * 1664525u + 1013904223u;
        file[i] = static_cast<std::uint8_t>(blue + static_cast<int>(seed >> 28));
        file[i + 1] = static_cast<std::uint8_t>(seed >> 24);
        file[i + 2] = static_cast<std::uint8_t>(red + static_cast<int>(seed >> 28));
    }
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(file.data()), static_cast<std::streamsize>(file.size()));
}

void write_pictures(const std::filesystem::path &root, unsigned seed)
{
    std::filesystem::create_directories(root / "blue");
    std::filesystem::create_directories(root / "red");
    for (unsigned i = 0; i < 8; i++) {
        write_picture(root / "blue" / (std::to_string(i) + ".bmp"), 20, 220, seed + i);
        write_picture(root / "red" / (std::to_string(i) + ".bmp"), 220, 20, seed + 100 + i);
    }
}

model_handle small_network(const context_handle &context, const rn_classes *classes)
{
    rn_graph *graph = nullptr;
    rn_model *model = nullptr;

    require(context, rn_graph_create(&graph, context.get()), "graph");
    const graph_handle owner(graph);
    auto convolution = rn::options<rn_conv2d_options>();
    convolution.padding = 1;
    convolution.stride = 2;

    rn_value x = rn_graph_input(graph, "images", 3, 16, 16, NULL);
    rn_graph_enter(graph, "stem");
    x = rn_conv2d(graph, x, "conv", 8, 3, &convolution);
    x = rn_graph_leave(graph, rn_relu(graph, rn_batch_norm2d(graph, x, "bn", nullptr), NULL));
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", 2, nullptr));

    auto options = rn::options<rn_model_options>();
    options.classes = classes;
    require(context, rn_model_build(&model, graph, "small", &options), "model");
    model_handle result(model);
    const std::string prepare = "ToTensor(), Normalize(0.5 0.5 0.5, 0.5 0.5 0.5)", flip = "RandomHorizontalFlip(0.5), ";
    require(context, rn_model_set_pipeline(model, prepare.c_str()), "pipeline");
    require(context, rn_model_set_training_pipeline(model, (flip + prepare).c_str()), "training pipeline");
    return result;
}

dataset_handle open_folder(const context_handle &context, const std::filesystem::path &path)
{
    rn_dataset *dataset = nullptr;

    require(context, rn_image_folder_open(&dataset, context.get(), path.c_str(), nullptr), "folder");
    return dataset_handle(dataset);
}

void work(const std::filesystem::path &directory, const context_handle &context)
{
    write_pictures(directory / "train", 1);
    write_pictures(directory / "valid", 1000);
    const dataset_handle train = open_folder(context, directory / "train");
    const dataset_handle valid = open_folder(context, directory / "valid");
    const model_handle model = small_network(context, rn_dataset_classes(train.get()));

    int epochs = 0;
    auto options = rn::options<rn_trainer_options>();
    options.batch_size = 4;
    options.progress_payload = &epochs;
    options.progress = [](const rn_progress *progress, void *payload) -> std::int32_t {
        *static_cast<int *>(payload) += progress->epoch_ended;
        return 0;
    };
    rn_trainer *made = nullptr;
    require(context, rn_trainer_create(&made, model.get(), train.get(), valid.get(), &options), "trainer");
    const trainer_handle trainer(made);

    auto fit = rn::options<rn_fit_options>();
    fit.epochs = 8;
    fit.lr = 3e-2;
    require(context, rn_trainer_fit(trainer.get(), &fit), "fit");
    if (epochs != fit.epochs)
        throw std::runtime_error("the progress callback saw " + std::to_string(epochs) + " epochs");
    if (rn_trainer_best_accuracy(trainer.get()) < 0.99)
        throw std::runtime_error("red and blue are still mixed up");

    rn_predictions *answers = nullptr;
    const std::filesystem::path photo = directory / "valid" / "red" / "0.bmp";
    require(context, rn_predict_file(&answers, model.get(), photo.c_str(), nullptr), "predict");
    const predictions_handle predictions(answers);
    if (std::string(rn_predictions_name(answers, 0, 0)) != "red")
        throw std::runtime_error("a red picture is called " + std::string(rn_predictions_name(answers, 0, 0)));
}

}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    memory_count memory;
    try {
        auto options = rn::options<rn_context_options>();
        options.threads = 2;
        options.seed = 7;
        options.allocate = allocate;
        options.release = release;
        options.allocator_payload = &memory;
        options.log = [](rn_log_level, const char *line, void *) { std::cerr << line << '\n'; };
        rn_context *made = nullptr;
        if (rn_context_create(&made, &options) != RN_OK)
            throw std::runtime_error("no context");
        const context_handle context(made);
        work(argv[1], context);
    } catch (const std::exception &failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
    if (memory.given == 0 || memory.live != 0) {
        std::cerr << memory.live << " of " << memory.given << " blocks were not given back\n";
        return 1;
    }
    return 0;
}
