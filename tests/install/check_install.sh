#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs into an empty prefix, moves the prefix, and builds programs against it as a stranger would: pkg-config and find_package, shared and static,
# C and C++17, and the program that the README shows. check_install.sh SOURCE_DIRECTORY BUILD_DIRECTORY
set -u
source=$1 build=$2
passed=0 failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cc=${CC:-cc} cxx=${CXX:-c++}
export OMP_WAIT_POLICY=passive

check() # NAME COMMAND...: the command succeeds
{
    name=$1
    shift
    if "$@" >"$scratch/log" 2>&1; then
        echo "[       OK ] $name"
        passed=$((passed + 1))
    else
        cat "$scratch/log"
        echo "failed: $name"
        failed=$((failed + 1))
    fi
}

cmake --install "$build" --prefix "$scratch/here" --strip >"$scratch/log" 2>&1 || { cat "$scratch/log"; echo "[  FAILED  ] 1 test(s)"; exit 1; }
mkdir "$scratch/moved to"
mv "$scratch/here" "$scratch/moved to/prefix"
# pkg-config quotes blanks in no common way: the path with one is for CMake, a link without one for pkg-config.
prefix=$scratch/prefix
ln -s "$scratch/moved to/prefix" "$prefix"
pc=$(find -L "$prefix" -name resnet.pc)
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH="$libdir/pkgconfig"

check "nothing in the prefix knows the source, the build or the first prefix" \
    sh -c '! grep -rlF -e "$1/" -e "$2/" -e "$3/here" "$4"' sh "$source" "$build" "$scratch" "$scratch/moved to/prefix"
check "only the prefix's own folders are there" \
    sh -c 'test "$(cd "$1" && echo *)" = "include lib share" || test "$(cd "$1" && echo *)" = "bin include lib share"' sh "$prefix"
check "the installed library has no run path" sh -c '! readelf --dynamic "$1/libresnet.so" | grep -qE "R(UN)?PATH"' sh "$libdir"
check "header and pkg-config say the same version" \
    sh -c 'grep -q "define RN_VERSION_MINOR $(pkg-config --modversion resnet | cut -d. -f2)$" "$1"/include/resnet/version.h' sh "$prefix"

with_flags() # COMPILER STANDARD SOURCE OUTPUT PKG_CONFIG_OPTIONS...
{
    compiler=$1 standard=$2 file=$3 output=$4
    shift 4
    # shellcheck disable=SC2046
    "$compiler" -std="$standard" -Wall -Wextra -Wpedantic -Werror "$file" -o "$output" $(pkg-config --cflags --libs "$@" resnet)
}
here=$source/tests/install
check "the shared library needs no other development files" sh -c 'test "$(pkg-config --libs resnet | wc -w)" -eq 2'
check "C through pkg-config builds" with_flags "$cc" c11 "$here/consumer.c" "$scratch/c"
check "C through pkg-config runs" env LD_LIBRARY_PATH="$libdir" "$scratch/c"
check "C++17 through pkg-config builds" with_flags "$cxx" c++17 "$here/consumer.cpp" "$scratch/cpp"
check "C++17 through pkg-config trains" env LD_LIBRARY_PATH="$libdir" "$scratch/cpp" "$scratch/photos"

# The archive alone: where no .so lies, -lresnet means the archive.
cp -R "$scratch/moved to/prefix" "$scratch/static"
find "$scratch/static" -name 'libresnet.so*' -delete
PKG_CONFIG_PATH=$(dirname "$(find "$scratch/static" -name resnet.pc)")
export PKG_CONFIG_PATH
check "C through pkg-config --static builds" with_flags "$cc" c11 "$here/consumer.c" "$scratch/c-static" --static
check "C through pkg-config --static runs" "$scratch/c-static"
check "C++17 through pkg-config --static builds" with_flags "$cxx" c++17 "$here/consumer.cpp" "$scratch/cpp-static" --static
check "C++17 through pkg-config --static trains" "$scratch/cpp-static" "$scratch/photos"
PKG_CONFIG_PATH=$libdir/pkgconfig

version=$(pkg-config --modversion resnet | cut -d. -f1-2)
configure() # KIND VERSION
{
    cmake -S "$here" -B "$scratch/$1" -Dkind="$1" -Dversion="$2" -Dsource="$source" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_PREFIX_PATH="$scratch/moved to/prefix"
}
check "another minor version is refused before 1.0" sh -c '! env "$@"' sh cmake -S "$here" -B "$scratch/newer" -Dkind=shared \
    -Dversion="$(echo "$version" | awk -F. '{ print $1 "." $2 + 1 }')" -DCMAKE_PREFIX_PATH="$scratch/moved to/prefix"
for kind in shared static source; do
    check "find_package or add_subdirectory configures: $kind" configure $kind "$version"
done
for kind in shared static; do
    check "find_package builds: $kind" cmake --build "$scratch/$kind"
    check "find_package, C++17 trains: $kind" "$scratch/$kind/consumer_cpp" "$scratch/photos"
done
check "find_package, C runs" "$scratch/shared/consumer_c"

# The README's program, as it stands there, on pictures of two colours and the weights of a fresh network.
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$source/README.md" >"$scratch/readme.c"
check "the README's program has at most 30 lines" sh -c 'test "$(wc -l <"$1")" -ge 10 && test "$(wc -l <"$1")" -le 30' sh "$scratch/readme.c"
check "the README's program builds" with_flags "$cc" c11 "$scratch/readme.c" "$scratch/readme"
check "weights for it" env LD_LIBRARY_PATH="$libdir" "$scratch/c" "$scratch/resnet18.safetensors"
check "the README's program runs" sh -c 'cd "$1" && LD_LIBRARY_PATH="$2" ./readme photos/train photos/valid resnet18.safetensors photos/valid/red/0.bmp >said && grep -E "(red|blue).*%" said' \
    sh "$scratch" "$libdir"

echo "[  PASSED  ] $passed test(s)."
[ $failed -eq 0 ] || echo "[  FAILED  ] $failed test(s)"
[ $failed -eq 0 ]
