/* SPDX-License-Identifier: MIT */
/*
 * Threads by OpenMP, or the caller's thread alone where the compiler has none.
 *
 * A region always asks for all threads of the pool, even if there are fewer units: GNU's runtime ends the threads
 * that a smaller team leaves over and would have to start them again for the next region.
 */
#define _POSIX_C_SOURCE 200809L
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(_OPENMP)
#include <omp.h>
#endif

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#define HAVE_MXCSR 1
#endif

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

#if defined(UNDER_TSAN)
/*
 * The runtime that forks and joins is not instrumented: what happens before what is said by hand, and its own
 * bookkeeping is not looked at.
 */
#include <sanitizer/tsan_interface.h>
#define UNWATCHED __attribute__((no_sanitize("thread"), noinline))
#else
#define UNWATCHED
#endif

/*
 * The units are cut into shares, one for each thread, and these into pieces: a half, a quarter, and so on to the last
 * two of a thirty-second. A thread takes the pieces of its own share one after the other, then what is left of the
 * others'. So neighbouring units stay on one core, which has their memory in its caches, most of them in one call, and
 * who was interrupted or has a slower core is helped. A share's count of pieces taken has a cache line to itself.
 */
enum { SHARES_MOST = 64, PIECES = 6, CACHE_LINE = 64 };

typedef struct share {
    _Alignas(CACHE_LINE) atomic_int_fast32_t taken;
} share;

typedef struct job {
    rn_work work;
    void *payload;
    int64_t count;
    int32_t shares;
    share *share;
} job;

/* floor(count * part / parts) without the product, which might overflow. */
static int64_t boundary(int64_t count, int32_t part, int32_t parts)
{
    return count / parts * part + count % parts * part / parts;
}

static void announce(const job *j)
{
#if defined(UNDER_TSAN)
    __tsan_release((void *)j);
#else
    (void)j;
#endif
}

static void join(const job *j)
{
#if defined(UNDER_TSAN)
    __tsan_acquire((void *)j);
#else
    (void)j;
#endif
}

/* The next piece of a share, units [*begin, *end), which may be none. False: all are taken. */
static bool take_piece(const job *j, int32_t index, int64_t *begin, int64_t *end)
{
    const int64_t first = boundary(j->count, index, j->shares), last = boundary(j->count, index + 1, j->shares);
    atomic_int_fast32_t *const taken = &j->share[index].taken;
    int32_t piece;

    if (atomic_load_explicit(taken, memory_order_relaxed) >= PIECES)
        return false;
    piece = (int32_t)atomic_fetch_add_explicit(taken, 1, memory_order_relaxed);
    if (piece >= PIECES)
        return false;
    *begin = last - ((last - first) >> piece);
    *end = piece + 1 < PIECES ? last - ((last - first) >> (piece + 1)) : last;
    return true;
}

static void run_pieces(const job *j, int32_t thread, int32_t threads)
{
    const int32_t own = (int32_t)((int64_t)thread * j->shares / threads);
    int64_t begin, end;

    for (int32_t i = 0; i < j->shares; i++)
        while (take_piece(j, (own + i) % j->shares, &begin, &end))
            if (begin < end)
                j->work(j->payload, begin, end, thread);
}

/*
 * What one thread does. The control word is set as a whole: round to nearest, exceptions masked, denormals flushed on
 * input and output, so that neither speed nor bits depend on what the caller has set.
 */
static void run_thread(const job *j, int32_t thread, int32_t threads)
{
#if defined(HAVE_MXCSR)
    enum { ALL_MASKED = 0x1f80, FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
    const unsigned int saved = _mm_getcsr();

    _mm_setcsr(ALL_MASKED | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
#endif
    if (threads > 1)
        run_pieces(j, thread, threads);
    else
        j->work(j->payload, 0, j->count, thread);
#if defined(HAVE_MXCSR)
    _mm_setcsr(saved);
#endif
}

#if defined(_OPENMP)
#if defined(UNDER_TSAN)
__attribute__((noinline))
#endif
static void
run_watched(const job *j)
{
    join(j);
    /* The team may be smaller than asked for: inside another region, or at the system's limit. */
    run_thread(j, (int32_t)omp_get_thread_num(), (int32_t)omp_get_num_threads());
    announce(j);
}

UNWATCHED static void run_team(const job *j, int threads)
{
#pragma omp parallel num_threads(threads) default(none) shared(j)
    run_watched(j);
}

/*
 * True in a forked child. OpenMP's threads are the process's, not ours: whoever started them before the fork, this
 * library or its host, they are not here, and a region would wait for them.
 */
static atomic_bool forked;

static void note_fork(void)
{
    atomic_store(&forked, true);
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, note_fork); /* without memory for it forks go unnoticed, as they would anyway */
}

static bool has_team(void)
{
    return !atomic_load(&forked);
}

/* CPUs of the places that the team is bound to; 0: it is not bound to any. */
static int32_t place_cpus(void)
{
    int32_t cpus = 0;

    if (omp_get_proc_bind() == omp_proc_bind_false)
        return 0;
    for (int place = 0; place < omp_get_num_places(); place++)
        cpus += omp_get_place_num_procs(place);
    return cpus;
}

int32_t rn_parallel_wish(bool *is_wish)
{
    const char *const wish = getenv("OMP_NUM_THREADS");
    const int32_t places = place_cpus(), limit = omp_get_thread_limit();
    int32_t threads = omp_get_num_procs();

    *is_wish = wish != NULL && wish[0] != '\0';
    if (*is_wish)
        threads = omp_get_max_threads();
    else if (places > 0 && places < threads)
        threads = places;
    return threads < limit ? threads : limit;
}
#else
static bool has_team(void)
{
    return false;
}

static void run_team(const job *j, int threads)
{
    (void)threads;
    run_thread(j, 0, 1);
}

int32_t rn_parallel_wish(bool *is_wish)
{
    *is_wish = false;
    return 0;
}
#endif

void rn_parallel(const rn_pool *pool, int64_t count, rn_work work, void *payload)
{
    share shares[SHARES_MOST];
    job j = { work, payload, count, .share = shares };

    if (count <= 0)
        return;
    if (count == 1 || pool->threads <= 1 || !has_team()) {
        run_thread(&j, 0, 1);
        return;
    }
    j.shares = pool->threads < SHARES_MOST ? pool->threads : SHARES_MOST;
    for (int32_t i = 0; i < j.shares; i++)
        atomic_init(&shares[i].taken, 0);
    announce(&j);
    run_team(&j, pool->threads);
    join(&j);
}
