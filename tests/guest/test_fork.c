/* SPDX-License-Identifier: MIT */
/* A prefork server: its process computes, forks, and the children compute, too, in a context of the parent's or their
 * own. They get the parent's answers, and never wait for threads that do not exist. */
#define _DEFAULT_SOURCE
#include "guest/network.h"

#include "support/support.h"

#include <sys/wait.h>
#include <unistd.h>

#define GUEST_ADDRESS(name) .name = name,

static const guest_calls calls = { GUEST_CALLS(GUEST_ADDRESS) };
static float parents[GUEST_LOGITS];

/* In the child: 42 if all is well. */
static int compute_again(rn_context *context)
{
    float logits[GUEST_LOGITS];

    alarm(60); /* ends a child that hangs */
    if (guest_forward(logits, context, &calls) != 0)
        return 1;
    return memcmp(logits, parents, sizeof logits) == 0 ? 42 : 2;
}

static void require_child(rn_context *context, int own)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0) {
        rn_context *fresh = NULL;

        if (own && rn_context_create(&fresh, RN_OPTIONS(rn_context, .threads = 3)) != RN_OK)
            _exit(3);
        status = compute_again(own ? fresh : context);
        rn_context_destroy(fresh);
        _exit(status);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

/* A grandchild. */
static int fork_twice(rn_context *context)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0) {
        require_child(context, 1);
        _exit(42);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void children_compute_what_their_parent_does(void **state)
{
    rn_context *context = NULL;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 2)), RN_OK);
    assert_int_equal(guest_forward(parents, context, &calls), 0);
    require_child(context, 0);
    require_child(context, 1);
    assert_int_equal(fork_twice(context), 42);
    assert_int_equal(guest_forward(parents, context, &calls), 0); /* the parent goes on as before */
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(children_compute_what_their_parent_does) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
