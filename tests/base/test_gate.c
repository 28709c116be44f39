/* SPDX-License-Identifier: MIT */
/* The gate: who may be inside together, whose turn it is, and that nobody waits for more than one of the others. */
#define _DEFAULT_SOURCE
#include "base/gate.h"

#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static rn_gate gate;
static atomic_int readers, writers, wrong, entered, stop;

static int make_gate(void **state)
{
    (void)state;
    readers = writers = wrong = entered = stop = 0;
    return rn_gate_init(&gate) ? 0 : -1;
}

static int destroy_gate(void **state)
{
    (void)state;
    rn_gate_destroy(&gate);
    return 0;
}

static void *read_always(void *unused)
{
    (void)unused;
    while (!stop) {
        rn_gate_enter_shared(&gate);
        readers++;
        wrong += writers != 0;
        readers--;
        rn_gate_leave_shared(&gate);
        entered++;
    }
    return NULL;
}

static void *write_always(void *unused)
{
    (void)unused;
    while (!stop) {
        rn_gate_enter_exclusive(&gate);
        wrong += ++writers != 1 || readers != 0;
        writers--;
        rn_gate_leave_exclusive(&gate);
    }
    return NULL;
}

/* Readers that never pause cannot keep a writer out, writers that never pause cannot keep readers out. */
static void neither_side_starves(void **state)
{
    pthread_t thread[6];

    (void)state;
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, i < 4 ? read_always : write_always, NULL), 0);
    for (int turn = 0; turn < 200 || entered < 1000; turn++) {
        rn_gate_enter_exclusive(&gate);
        assert_int_equal(readers, 0);
        rn_gate_leave_exclusive(&gate);
        rn_gate_enter_shared(&gate);
        rn_gate_leave_shared(&gate);
    }
    stop = 1;
    for (int i = 0; i < 6; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(wrong, 0);
    assert_true(entered > 0);
}

static void *write_once(void *unused)
{
    (void)unused;
    rn_gate_enter_exclusive(&gate);
    entered += 100;
    rn_gate_leave_exclusive(&gate);
    return NULL;
}

static void *read_once(void *unused)
{
    (void)unused;
    rn_gate_enter_shared(&gate);
    wrong += entered < 100; /* the writer came first */
    entered++;
    rn_gate_leave_shared(&gate);
    return NULL;
}

static void wait_for(const int64_t *count, int64_t value)
{
    for (;;) {
        int64_t now;

        pthread_mutex_lock(&gate.mutex);
        now = *count;
        pthread_mutex_unlock(&gate.mutex);
        if (now == value)
            return;
        usleep(100);
    }
}

static void a_waiting_writer_goes_before_new_readers(void **state)
{
    pthread_t writer, reader[3];

    (void)state;
    rn_gate_enter_shared(&gate);
    assert_int_equal(pthread_create(&writer, NULL, write_once, NULL), 0);
    wait_for(&gate.waiting_writers, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&reader[i], NULL, read_once, NULL), 0);
    wait_for(&gate.waiting_readers, 3);
    assert_int_equal(entered, 0);
    rn_gate_leave_shared(&gate);
    pthread_join(writer, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(reader[i], NULL);
    assert_int_equal(entered, 103);
    assert_int_equal(wrong, 0);
}

static void a_forked_child_finds_the_gate_open(void **state)
{
    pthread_t reader;
    int status = -1;
    pid_t child;

    (void)state;
    assert_int_equal(pthread_create(&reader, NULL, read_always, NULL), 0);
    rn_gate_enter_shared(&gate); /* and the child's writer must not wait for this one */
    child = fork();
    if (child == 0) {
        alarm(20);
        rn_gate_enter_exclusive(&gate);
        rn_gate_leave_exclusive(&gate);
        rn_gate_enter_shared(&gate);
        rn_gate_leave_shared(&gate);
        rn_gate_destroy(&gate);
        _exit(42);
    }
    rn_gate_leave_shared(&gate);
    stop = 1;
    pthread_join(reader, NULL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(neither_side_starves, make_gate, destroy_gate),
        cmocka_unit_test_setup_teardown(a_waiting_writer_goes_before_new_readers, make_gate, destroy_gate),
        cmocka_unit_test_setup_teardown(a_forked_child_finds_the_gate_open, make_gate, destroy_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
