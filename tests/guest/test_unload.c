/* SPDX-License-Identifier: MIT */
/*
 * A host that loads the shared library as a plugin, computes with two threads, and lets go of it again, three times. It
 * is linked with neither the library nor OpenMP: those that nobody else holds would go, below threads that still run.
 */
#define _GNU_SOURCE
#include "guest/network.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The address of a symbol as a function of its type: POSIX allows what ISO C does not. */
#define GUEST_FIND(name) *(void **)(void *)&calls.name = dlsym(library, #name);

static void a_plugin_comes_and_goes(void **state)
{
    const char *const path = getenv("RESNET_TEST_LIBRARY");
    float first[GUEST_LOGITS], logits[GUEST_LOGITS];

    (void)state;
    if (path == NULL)
        skip();
    for (int round = 0; round < 3; round++) {
        void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        guest_calls calls;
        rn_context *context = NULL;

        if (library == NULL)
            fail_msg("%s", dlerror());
        GUEST_CALLS(GUEST_FIND)
        assert_int_equal(calls.rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 2)), RN_OK);
        assert_int_equal(guest_forward(round == 0 ? first : logits, context, &calls), 0);
        assert_true(round == 0 || memcmp(first, logits, sizeof first) == 0);
        calls.rn_context_destroy(context);
        assert_int_equal(dlclose(library), 0);
        usleep(50000); /* the threads that are left look for work */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_plugin_comes_and_goes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
