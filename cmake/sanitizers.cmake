# SPDX-License-Identifier: MIT
# -DRESNET_SANITIZE=address,undefined: everything below is built with these sanitizers, and the first finding ends the program.

if(RESNET_SANITIZE)
    add_compile_options(-fsanitize=${RESNET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${RESNET_SANITIZE})
endif()
