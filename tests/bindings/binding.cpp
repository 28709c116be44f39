// SPDX-License-Identifier: MIT
// C++: handles that let go by themselves, options by rn::options.
#include <cstdio>
#include <memory>
#include <resnet/resnet.h>

struct destroy {
    void operator()(rn_context *p) const { rn_context_destroy(p); }
    void operator()(rn_model *p) const { rn_model_destroy(p); }
};
template <typename T> using handle = std::unique_ptr<T, destroy>;

int main()
{
    auto options = rn::options<rn_context_options>();
    rn_context *raw_context = nullptr;
    rn_model *raw_model = nullptr;

    options.threads = 1;
    if (rn_context_create(&raw_context, &options) != RN_OK)
        return 1;
    handle<rn_context> context(raw_context);
    if (rn_model_create(&raw_model, context.get(), "cifar_resnet20", nullptr) != RN_OK)
        return 1;
    handle<rn_model> model(raw_model);
    std::printf("%s: %lld parameters\n", rn_model_name(model.get()),
                static_cast<long long>(rn_parameters_elements(rn_model_parameters(model.get()), 0)));
}
