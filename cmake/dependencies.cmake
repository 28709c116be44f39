# SPDX-License-Identifier: MIT
# The libraries we stand on, all of them packages of the system. RESNET_LIBRARIES is what the objects need to be compiled and linked.
#
#   Debian: libcjson-dev libjpeg-dev libstb-dev zlib1g-dev; for more formats libwebp-dev libtiff-dev; and libcmocka-dev for the tests

find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RESNET_CJSON REQUIRED IMPORTED_TARGET libcjson)

# Header only; the library compiles it into one of its own files.
find_path(RESNET_STB_INCLUDE_DIR stb/stb_image.h)
mark_as_advanced(RESNET_STB_INCLUDE_DIR)
if(NOT RESNET_STB_INCLUDE_DIR)
    message(FATAL_ERROR "stb/stb_image.h is not there (Debian: libstb-dev); RESNET_STB_INCLUDE_DIR says where it lies otherwise")
endif()

set(RESNET_LIBRARIES PkgConfig::RESNET_CJSON ZLIB::ZLIB)
if(RESNET_WITH_JPEG)
    find_package(JPEG REQUIRED)
    list(APPEND RESNET_LIBRARIES JPEG::JPEG)
endif()

# For libresnet_mpi alone (Debian: libopenmpi-dev or libmpich-dev). The thread sanitizer
# would find what MPI's own threads do, and nothing of it is fuzzed.
if(RESNET_WITH_MPI AND NOT RESNET_SANITIZE MATCHES "thread|fuzzer")
    find_package(MPI QUIET COMPONENTS C)
endif()
# rn_find_optional(WHAT module...): libraries of a format as RESNET_WITH_<WHAT> asks for it. RESNET_<WHAT> says whether the format is read.
function(rn_find_optional what)
    set(RESNET_${what} OFF PARENT_SCOPE)
    string(TOUPPER "${RESNET_WITH_${what}}" wanted)
    if(NOT wanted STREQUAL "AUTO" AND NOT wanted)
        return()
    endif()
    pkg_check_modules(RESNET_LIB${what} QUIET IMPORTED_TARGET ${ARGN})
    if(RESNET_LIB${what}_FOUND)
        set(RESNET_${what} ON PARENT_SCOPE)
        set(RESNET_LIBRARIES ${RESNET_LIBRARIES} PkgConfig::RESNET_LIB${what} PARENT_SCOPE)
        set(RESNET_LIB${what}_LINK_LIBRARIES ${RESNET_LIB${what}_LINK_LIBRARIES} PARENT_SCOPE)
    elseif(NOT wanted STREQUAL "AUTO")
        message(FATAL_ERROR "RESNET_WITH_${what} is on, and pkg-config does not find ${ARGN}")
    endif()
endfunction()
rn_find_optional(WEBP libwebpdemux libwebp)
rn_find_optional(TIFF "libtiff-4>=4.5")

# OpenMP by its target inside this build, by its libraries for those who link the static archive: their project needs no OpenMP of its own.
# GCC's lies where every GCC looks; any other is named by its path.
set(RESNET_SYSTEM_LIBRARIES m pthread)
foreach(name ${OpenMP_C_LIB_NAMES})
    if(NOT name STREQUAL "pthread")
        if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
            list(PREPEND RESNET_SYSTEM_LIBRARIES ${name})
        else()
            list(PREPEND RESNET_SYSTEM_LIBRARIES ${OpenMP_${name}_LIBRARY})
        endif()
    endif()
endforeach()
