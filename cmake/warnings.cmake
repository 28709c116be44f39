# SPDX-License-Identifier: MIT
# Warnings for everything below; -DRESNET_WERROR=ON makes them errors.

add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wwrite-strings -Wundef)
if(RESNET_WERROR)
    add_compile_options(-Werror)
endif()
