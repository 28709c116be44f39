#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs into an empty prefix, moves the prefix, and builds programs against it as a stranger would: pkg-config and find_package, shared and static,
# C and C++17, as a part of another project, and the program that the README shows by the README's own commands; then the components that packagers
# install one by one. check_install.sh SOURCE_DIRECTORY BUILD_DIRECTORY
set -u
unset LD_LIBRARY_PATH LD_RUN_PATH DESTDIR PKG_CONFIG_LIBDIR
source=$1 build=$2
. "$(dirname "$0")/../support/verdict.sh"
cc=${CC:-cc} cxx=${CXX:-c++}
export OMP_WAIT_POLICY=passive

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
mkdir "$scratch/alone" && cp "$pc" "$scratch/alone"
check "resnet.pc works where no other .pc is" sh -c 'PKG_CONFIG_PATH="" PKG_CONFIG_LIBDIR="$1" && export PKG_CONFIG_PATH PKG_CONFIG_LIBDIR &&
    pkg-config --cflags resnet | grep -q "^-I" && pkg-config --libs resnet | grep -q -e "-lresnet" &&
    pkg-config --static --libs resnet | grep -q -e "-lcjson.*-lz"' \
    sh "$scratch/alone"
check "--static --libs is directories and -l, nothing else" sh -c '! pkg-config --static --libs resnet | tr " " "\n" | grep -v -e "^-[lL]" -e "^$"'
check "C through pkg-config builds" with_flags "$cc" c11 "$here/consumer.c" "$scratch/c"
check "C through pkg-config runs" env LD_LIBRARY_PATH="$libdir" "$scratch/c"
check "C++17 through pkg-config builds" with_flags "$cxx" c++17 "$here/consumer.cpp" "$scratch/cpp"
check "C++17 through pkg-config trains" env LD_LIBRARY_PATH="$libdir" "$scratch/cpp" "$scratch/photos"

# The archive where both lie, by docs/installing.md's command.
grep -e '^cc .*--static' "$source/docs/installing.md" >"$scratch/recipe-static"
cp "$here/consumer.c" "$scratch/flowers.c"
check "the manual's static recipe builds" sh -c 'cd "$1" && . "$1/recipe-static"' sh "$scratch"
check "the manual's static recipe runs without the shared library" "$scratch/flowers"

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
configure() # KIND VERSION CMAKE_OPTIONS...
{
    kind=$1 wanted=$2
    shift 2
    cmake -S "$here" -B "$scratch/$kind" -Dkind="$kind" -Dversion="$wanted" -Dsource="$source" -DCMAKE_PREFIX_PATH="$scratch/moved to/prefix" "$@"
}
check "another minor version is refused before 1.0" sh -c '! env "$@"' sh cmake -S "$here" -B "$scratch/newer" -Dkind=shared \
    -Dversion="$(echo "$version" | awk -F. '{ print $1 "." $2 + 1 }')" -DCMAKE_PREFIX_PATH="$scratch/moved to/prefix"
for kind in shared static; do
    check "find_package configures: $kind" configure $kind "$version" -DCMAKE_BUILD_TYPE=Release
    check "find_package builds: $kind" cmake --build "$scratch/$kind"
    check "find_package, C++17 trains: $kind" "$scratch/$kind/consumer_cpp" "$scratch/photos"
done
check "find_package, C runs" "$scratch/shared/consumer_c"

# A part of another project, which names no build type. What is built and installed of it is the static library alone.
check "add_subdirectory changes nothing of the parent" \
    env CFLAGS= CXXFLAGS= cmake -S "$here" -B "$scratch/flags" -Dkind=source -Dsource="$source" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
cp "$scratch/log" "$scratch/said"
check "add_subdirectory gives the shared library" grep -q "SHARED_LIBRARY" "$scratch/said"
commands=$scratch/flags/compile_commands.json
check "without a build type the library is optimised" sh -c 'test "$(grep "\"command\".*resnet_objects" "$1" | grep -vc -e " -O2 ")" -eq 0 &&
    grep "\"command\".*resnet_objects" "$1" | grep -q -e " -O2 "' sh "$commands"
check "without a build type the parent stays as it is" sh -c 'grep "\"command\".*consumer.cpp" "$1" >"$2" && ! grep -e " -O" "$2"' sh "$commands" "$scratch/line"
# Kernels for an instruction set have a level of their own.
check "a level among CFLAGS stays the library's too" sh -c 'CFLAGS=-O1 cmake -S "$1" -B "$2/level" -Dkind=source -Dsource="$3" \
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON && grep -c "lib/run/tape.c" "$2/level/compile_commands.json" &&
    ! grep -e " -O2 " "$2/level/compile_commands.json" | grep -v "/kernels/[a-z]*_avx[a-z0-9_]*\.c"' sh "$here" "$scratch" "$source"
check "add_subdirectory configures: static" configure source "$version" -DBUILD_SHARED_LIBS=OFF -DRESNET_INSTALL=ON
cp "$scratch/log" "$scratch/said"
check "BUILD_SHARED_LIBS=OFF gives the static library" grep -q "STATIC_LIBRARY" "$scratch/said"
check "add_subdirectory builds: static" cmake --build "$scratch/source" -j 2
check "add_subdirectory, C++17 trains: static" "$scratch/source/consumer_cpp" "$scratch/photos"
check "BUILD_SHARED_LIBS=OFF builds the static library alone" \
    sh -c 'find "$1" -name libresnet.a | grep -q . && ! find "$1" -name "libresnet.so*" | grep .' sh "$scratch/source"
check "and installs it" cmake --install "$scratch/source/resnet" --prefix "$scratch/static-only"
PKG_CONFIG_PATH=$(dirname "$(find "$scratch/static-only" -name resnet.pc)")
check "where only the archive was installed, C through pkg-config builds" with_flags "$cc" c11 "$here/consumer.c" "$scratch/c-static-only"
check "where only the archive was installed, C through pkg-config runs" "$scratch/c-static-only"
PKG_CONFIG_PATH=$libdir/pkgconfig

for lacking in runtime archive; do
    cp -R "$scratch/moved to/prefix" "$scratch/without $lacking"
done
find "$scratch/without runtime" -name 'libresnet.so*' -delete
find "$scratch/without archive" -name 'libresnet.a' -delete
check "find_package takes the library that was asked for, or says why not" cmake -S "$here/find" -B "$scratch/find" \
    -Dprefix="$scratch/moved to/prefix" -Dwithout_runtime="$scratch/without runtime" -Dwithout_archive="$scratch/without archive" \
    -Dstatic_only="$scratch/static-only"

# The README's program, as it stands there, on pictures of two colours and the weights of a fresh network.
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$source/README.md" >"$scratch/readme.c"
check "the README's program has at most 30 lines" sh -c 'test "$(wc -l <"$1")" -ge 10 && test "$(wc -l <"$1")" -le 30' sh "$scratch/readme.c"
check "the README's program builds" with_flags "$cc" c11 "$scratch/readme.c" "$scratch/readme"
check "weights for it" env LD_LIBRARY_PATH="$libdir" "$scratch/c" "$scratch/resnet18.safetensors"
check "the README's program runs" sh -c 'cd "$1" && LD_LIBRARY_PATH="$2" ./readme photos/train photos/valid resnet18.safetensors photos/valid/red/0.bmp >said && grep -E "(red|blue).*%" said' \
    sh "$scratch" "$libdir"

# The README's commands, as they stand there, where the library is in no directory that anyone knows yet. A program that has started and has no arguments
# ends with 2.
awk '/^## / { inside = $2 == "Linking" } inside && /^```sh$/ { block = 1; next } /^```$/ { block = 0 } block' "$source/README.md" >"$scratch/recipe"
mkdir -p "$scratch/clone/build" "$scratch/home/.local" "$scratch/path"
ln -s "$build" "$scratch/clone/build/release"
cp "$scratch/readme.c" "$scratch/clone/flowers.c"
# shellcheck disable=SC2016
printf '#!/bin/sh\nexec "$@"\n' >"$scratch/path/sudo" && chmod +x "$scratch/path/sudo"
sed -n '/\/usr\/local/,/^cc/p' "$scratch/recipe" >"$scratch/recipe-system"
sed -n '/\.local/,$p' "$scratch/recipe" >"$scratch/recipe-home"
starts='cd "$1/clone" && unset PKG_CONFIG_PATH && rm -f flowers && . "$2" && ended=0 && { ./flowers || ended=$?; } && test $ended -eq 2'
check "the README's recipe for a prefix of one's own: the program starts" env HOME="$scratch/home" sh -e -c "$starts" sh "$scratch" "$scratch/recipe-home"

# /usr/local is fresh within a mount namespace, and what ldconfig writes stays there.
fresh='set -e; mount -t tmpfs fresh /usr/local; mkdir "$1/etc"; cp -a /etc/. "$1/etc"; mount --bind "$1/etc" /etc
    if [ -d /var/cache/ldconfig ]; then mount -t tmpfs fresh /var/cache/ldconfig; fi'
if { command -v cc; command -v cmake; command -v pkg-config; } | grep -q '^/usr/local' ||
    ! unshare --mount sh -c "$fresh; test -x /sbin/ldconfig" sh "$scratch" 2>/dev/null; then
    skip "no mounts within a namespace: the recipe for /usr/local"
else
    rm -rf "${scratch:?}/etc"
    check "the README's recipe for /usr/local: the program starts" env PATH="$scratch/path:/sbin:$PATH" unshare --mount sh -c "$fresh; $starts" \
        sh "$scratch" "$scratch/recipe-system"
fi

# One component after the other, as packagers do it.
component() # NAME
{
    DESTDIR="$scratch/packages/$1" cmake --install "$build" --prefix /usr --component "$1" >"$scratch/log" 2>&1 || cat "$scratch/log"
    (cd "$scratch/packages/$1" && find . ! -type d) >"$scratch/$1.files"
}
only() # NAME PATTERN: the component has files, and only such
{
    component "$1"
    test -s "$scratch/$1.files" && ! grep -vE "$2" "$scratch/$1.files"
}
check "component runtime is the library" only runtime '^\./usr/lib(/[^/]*)?/libresnet\.so\.[0-9.]+$'
check "component dev is what compilers read" only dev '/include/resnet/[a-z_]+\.h$|/libresnet\.(so|a)$|/pkgconfig/resnet\.pc$|/cmake/resnet/[a-z-]+\.cmake$'
check "component doc is texts and sources" only doc \
    '/share/doc/resnet/(LICENSE|[A-Za-z.-]+\.md|docs/([a-z-]+(\.zh-CN)?\.md|recordings/(train-[0-9]+\.cast|record\.py))|examples/((common|checkpoint|evaluate|finetune|study)/)?([a-z0-9_]+\.[ch]|CMakeLists\.txt))$'
if [ -d "$prefix/bin" ]; then
    check "component programs is the programs" only programs \
        '^\./usr/(bin/resnet(-depth_study)?|share/(man/man1/resnet\.1|bash-completion/completions/resnet|zsh/site-functions/_resnet|fish/vendor_completions\.d/resnet\.fish|locale/[A-Za-z_]+/LC_MESSAGES/resnet\.mo))$'
    check "both programs are there" sh -c 'test "$(grep -c /bin/ "$1")" -eq 2' sh "$scratch/programs.files"
    check "no run path where the linker looks by itself" sh -c '! readelf --dynamic "$1"/* | grep -E "R(UN)?PATH"' sh "$scratch/packages/programs/usr/bin"
    check "another prefix's programs find the library, moved or not" sh -c 'readelf --dynamic "$1/bin/resnet" | grep -F "[\$ORIGIN/../lib" &&
        "$1/bin/resnet" predict --help' sh "$scratch/moved to/prefix"
fi
if [ -f "$prefix/include/resnet_mpi.h" ]; then
    check "component mpi is its library" only mpi '^\./usr/lib(/[^/]*)?/libresnet_mpi\.so\.[0-9.]+$'
    check "component mpi-dev is what compilers read" only mpi-dev \
        '/include/resnet_mpi\.h$|/libresnet_mpi\.so$|/pkgconfig/resnet_mpi\.pc$|/cmake/resnet/resnet-mpi-targets[a-z-]*\.cmake$'
    printf '%s\n' '#include <resnet_mpi.h>' 'int main(void) { return rn_mpi_collective_create(NULL, MPI_COMM_WORLD) != RN_INVALID_ARGUMENT; }' >"$scratch/mpi.c"
    # shellcheck disable=SC2046
    check "a program of MPI through pkg-config builds" "$cc" -Wall -Wextra -Werror "$scratch/mpi.c" -o "$scratch/mpi" $(pkg-config --cflags --libs resnet_mpi)
    check "it runs" env LD_LIBRARY_PATH="$libdir" "$scratch/mpi"
    mkdir "$scratch/mpi-cmake"
    printf '%s\n' 'cmake_minimum_required(VERSION 3.18)' 'project(it LANGUAGES C)' 'find_package(resnet REQUIRED COMPONENTS shared mpi)' \
        'add_executable(it ../mpi.c)' 'target_link_libraries(it PRIVATE resnet::resnet resnet::mpi)' >"$scratch/mpi-cmake/CMakeLists.txt"
    check "a program of MPI through find_package builds" sh -c 'cmake -S "$1" -B "$1/build" -DCMAKE_PREFIX_PATH="$2" && cmake --build "$1/build"' \
        sh "$scratch/mpi-cmake" "$prefix"
    check "that runs, too" "$scratch/mpi-cmake/build/it"
fi
sort "$scratch"/*.files >"$scratch/parts"
mkdir "$scratch/packages/whole"
check "DESTDIR takes everything" env DESTDIR="$scratch/packages/whole" cmake --install "$build" --prefix /usr
(cd "$scratch/packages/whole" && find . ! -type d) | sort >"$scratch/whole"
check "the components together are everything, and no file is in two" diff "$scratch/whole" "$scratch/parts"
check "no file knows DESTDIR" sh -c '! grep -rlF -e "$1" "$1"' sh "$scratch/packages"
check "every link of the installed README leads somewhere" sh -c 'cd "$1/share/doc/resnet" &&
    for link in $(grep -ohE "\]\([^):#]+\)" README.md README.zh-CN.md docs/*.md | tr -d "]()"); do
        test -e "$link" || test -e "docs/$link" || { echo "$link"; exit 1; }
    done' \
    sh "$prefix"
check "the installed examples configure" cmake -S "$prefix/share/doc/resnet/examples" -B "$scratch/examples" -DCMAKE_PREFIX_PATH="$prefix"
check "the installed examples build" cmake --build "$scratch/examples" -j 2
check "the installed examples run" sh -c '"$1/01_tensor" && "$1/02_layer_gradients" && "$1/predict" --help && "$1/checkpoint" --help && "$1/depth_study" --help' sh "$scratch/examples"

conclude
