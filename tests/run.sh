#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, runs all tests, and ends with the line "N passed, N failed, N skipped". Fails if a test did, or if none ran.
#
#   tests/run.sh              the build that is shipped; the same tests under the address and undefined-behaviour sanitizers; those of
#                             pictures in a build without libjpeg-turbo; a short run of each fuzz target where clang is there;
#                             weights that change under traffic for half a minute, what threads share of a model and gradients that
#                             travel during backward, under the thread sanitizer
#   tests/run.sh PRESET...    these presets instead (CMakePresets.json)
#   tests/run.sh torture      readers and writers with every call to the system failing once, without and with the sanitizers; in the tests above
#                             a part of these calls
#   tests/run.sh bits         the bits of results of every network of the zoo against tests/bits/hashes.txt, half an hour and 3 GB; in the
#                             tests above small networks alone (RN_BITS_THREADS=3: with three threads alone, a third of the time)
#
# RESNET_TEST_DATA names a folder of real photos and weights; tests that need one and find none are counted as skipped.
set -eu
cd "$(dirname "$0")/.."

packages="build-essential ccache cmake doxygen gettext pkg-config libcjson-dev libcmocka-dev libjpeg-dev libopenmpi-dev libstb-dev libtiff-dev libwebp-dev ninja-build openmpi-bin zlib1g-dev"

everything_is_there()
{
    command -v cc >/dev/null && command -v c++ >/dev/null && command -v make >/dev/null && command -v cmake >/dev/null &&
        command -v pkg-config >/dev/null && pkg-config --exists libcjson cmocka zlib libjpeg libtiff-4 libwebpdemux &&
        echo '#include <stb/stb_image.h>' | cc -E - >/dev/null 2>&1
}

install_packages()
{
    if ! command -v apt-get >/dev/null; then
        echo "tests/run.sh: something is missing; on Debian the packages are: $packages" >&2
        exit 1
    fi
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null || { echo "tests/run.sh: run this as root first: apt-get install $packages" >&2; exit 1; }
    fi
    echo "installing packages"
    $as_root apt-get -qq update
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $packages >/dev/null
}

# Adds up what the tests printed, program by program; one that dies without a count is one failure. Prints "PASSED FAILED SKIPPED".
count()
{
    awk '
        function close_test() {
            if (name == "") return
            if (verdict !~ /^Test Passed/ && failed == 0) { failed = 1 }
            total_passed += passed; total_failed += failed; total_skipped += skipped
            name = ""
        }
        / Testing: / { close_test(); name = $NF; passed = failed = skipped = 0; verdict = ""; next }
        /^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
        /^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
        /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
        /^Test (Passed|Failed|timed out)|^Test .*(Exception|Timeout|not run)/ { verdict = $0 }
        END { close_test(); print total_passed + 0, total_failed + 0, total_skipped + 0 }' "$1"
}

can_fuzz()
{
    mkdir -p build
    command -v clang >/dev/null && echo 'int LLVMFuzzerTestOneInput(const char *b, unsigned long n) { return b == 0 && n; }' |
        clang -x c -fsanitize=fuzzer,address - -o build/can_fuzz 2>/dev/null
}

everything_is_there || install_packages

jobs=$(nproc)
passed=0 failed=0 skipped=0
[ $# -gt 0 ] || set -- release asan-ubsan without-jpeg fuzz swap
targets='' chosen=''
if [ "$1" = torture ]; then
    set -- release asan-ubsan
    targets='--target test_torture' chosen='--tests-regex ^torture/'
    export RN_TORTURE_CALLS="${RN_TORTURE_CALLS-2000}"
fi
if [ "$1" = bits ]; then
    set -- release
    targets='--target test_bits' chosen='--tests-regex ^bits/'
    export RN_BITS_NETWORKS=all
fi
for preset in "$@"; do
    if [ "$preset" = fuzz ] && ! can_fuzz; then
        echo "== fuzz: skipped, there is no clang with libFuzzer"
        skipped=$((skipped + 1))
        continue
    fi
    if [ "$preset" = swap ]; then
        preset=tsan
        targets='--target test_swap test_gate test_prepared test_kept test_buckets test_team'
        chosen='--tests-regex test_(swap|gate|prepared|kept|buckets|team)$'
        export RESNET_SWAP_SECONDS="${RESNET_SWAP_SECONDS-30}"
    fi
    only=$targets
    [ "$preset" != without-jpeg ] || only='--target tests_image'
    echo "== $preset: build"
    build_log=build/$preset.log
    mkdir -p build
    # Sanitizers make compilers see ghosts: there a warning is only a warning.
    werror=ON
    case $preset in *san* | without-jpeg | fuzz) werror=OFF ;; esac
    # Without libjpeg-turbo all but a few files are those of the sanitized build once more: they are compiled once.
    case $preset in asan-ubsan | without-jpeg)
        [ ! -d /usr/lib/ccache ] || export PATH="/usr/lib/ccache:$PATH" CCACHE_NOHASHDIR=1 CCACHE_DIR="${CCACHE_DIR-$PWD/build/ccache}"
        ;;
    esac
    # Kernels for AVX-512 take sanitizers two minutes of compiling: they are there where they can run.
    instructions=
    [ "$preset" != asan-ubsan ] || grep -qw avx512f /proc/cpuinfo || instructions=-DRESNET_AVX512=OFF
    # make starts itself several times for each of the hundreds of programs; ninja does not, and takes half a minute less.
    generator=
    [ -f "build/$preset/CMakeCache.txt" ] || ! command -v ninja >/dev/null || generator='-G Ninja'
    # shellcheck disable=SC2086
    cmake --preset "$preset" $generator $instructions -DRESNET_WERROR=$werror -DRESNET_BUILD_TESTS=ON >"$build_log" 2>&1 &&
        cmake --build --preset "$preset" -j "$jobs" $only >>"$build_log" 2>&1 || {
        grep -nE -A 6 'error:|undefined reference|CMake Error' "$build_log" || tail -n 40 "$build_log"
        echo "== $preset: does not build"
        failed=$((failed + 1))
        continue
    }
    echo "== $preset: test"
    log=build/$preset/Testing/Temporary/LastTest.log
    rm -f "$log"
    status=0
    # shellcheck disable=SC2086
    ctest --preset "$preset" -j "$jobs" $chosen || status=$?
    if [ ! -f "$log" ]; then
        failed=$((failed + 1))
        continue
    fi
    read -r p f s <<END
$(count "$log")
END
    [ $status -eq 0 ] || [ "$f" -gt 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
