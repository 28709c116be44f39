# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: headers, libraries, a CMake package, a pkg-config file, the manuals and the examples' sources; the programs are
# examples/CMakeLists.txt's. Nothing knows the prefix. Components as distributions cut their packages: runtime, dev, programs, doc.
include(CMakePackageConfigHelpers)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/resnet)

install(DIRECTORY include/resnet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev FILES_MATCHING PATTERN "*.h")
if(RESNET_DEFAULT_LIBRARY STREQUAL "resnet")
    set_target_properties(resnet PROPERTIES EXPORT_NAME resnet_shared) # resnet-config.cmake says which library resnet::resnet is
    install(TARGETS resnet EXPORT resnet-shared-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev)
    install(EXPORT resnet-shared-targets NAMESPACE resnet:: DESTINATION ${package_directory} COMPONENT dev)
endif()
install(TARGETS resnet_static EXPORT resnet-static-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(EXPORT resnet-static-targets NAMESPACE resnet:: DESTINATION ${package_directory} COMPONENT dev)

# Before 1.0 a minor release may break programs (docs/abi.md).
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatibility SameMinorVersion)
else()
    set(compatibility SameMajorVersion)
endif()
configure_package_config_file(cmake/resnet-config.cmake.in ${PROJECT_BINARY_DIR}/resnet-config.cmake
    INSTALL_DESTINATION ${package_directory} PATH_VARS CMAKE_INSTALL_LIBDIR NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/resnet-config-version.cmake COMPATIBILITY ${compatibility})
install(FILES ${PROJECT_BINARY_DIR}/resnet-config.cmake ${PROJECT_BINARY_DIR}/resnet-config-version.cmake
    DESTINATION ${package_directory} COMPONENT dev)

# The .pc file finds the prefix from where it lies itself; only directories that were given as absolute paths stay absolute.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR} OR IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
    set(pc_prefix ${CMAKE_INSTALL_PREFIX})
    set(pc_libdir ${CMAKE_INSTALL_FULL_LIBDIR})
    set(pc_includedir ${CMAKE_INSTALL_FULL_INCLUDEDIR})
else()
    file(RELATIVE_PATH pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" pc_prefix "\${pcfiledir}/${pc_up}")
    set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
    set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()

# rn_link_flags(VARIABLE library...): as -l, with -L before it where the linker does not look by itself; a file of another name by its path.
function(rn_link_flags variable)
    set(flags "")
    foreach(library IN LISTS ARGN)
        if(NOT IS_ABSOLUTE "${library}")
            list(APPEND flags -l${library})
        elseif(library MATCHES "^(.*)/lib([^/]+)\\.(so|a)$")
            if(NOT CMAKE_MATCH_1 IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
                list(APPEND flags -L${CMAKE_MATCH_1})
            endif()
            list(APPEND flags -l${CMAKE_MATCH_2})
        else()
            list(APPEND flags ${library})
        endif()
    endforeach()
    list(REMOVE_DUPLICATES flags)
    list(JOIN flags " " flags)
    set(${variable} "${flags}" PARENT_SCOPE)
endfunction()

# What the archive stands on is told by flags, never by Requires.private: pkg-config follows that for --cflags too, and the public headers need nothing.
set(pc_private ${RESNET_CJSON_LINK_LIBRARIES} ${ZLIB_LIBRARIES})
if(RESNET_WITH_JPEG)
    list(APPEND pc_private ${JPEG_LIBRARIES})
endif()
list(APPEND pc_private ${RESNET_LIBWEBP_LINK_LIBRARIES} ${RESNET_LIBTIFF_LINK_LIBRARIES})
rn_link_flags(pc_libs_private ${pc_private} ${RESNET_SYSTEM_LIBRARIES})
if(RESNET_DEFAULT_LIBRARY STREQUAL "resnet_static") # nobody can link without them
    set(pc_libs_public " ${pc_libs_private}")
    set(pc_libs_private "")
endif()
configure_file(cmake/resnet.pc.in ${PROJECT_BINARY_DIR}/resnet.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/resnet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

if(TARGET resnet_mpi)
    set(pc_mpi_cflags "")
    foreach(directory IN LISTS MPI_C_INCLUDE_DIRS)
        string(APPEND pc_mpi_cflags " -I${directory}")
    endforeach()
    rn_link_flags(pc_mpi_libs ${MPI_C_LIBRARIES})
    string(PREPEND pc_mpi_libs " ")
    configure_file(cmake/resnet_mpi.pc.in ${PROJECT_BINARY_DIR}/resnet_mpi.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/resnet_mpi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT mpi-dev)
endif()

# Laid out as in the sources, so that the links between them hold; the examples are built there by a file of their own.
install(FILES LICENSE README.md README.zh-CN.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc FILES_MATCHING PATTERN "*.md" PATTERN "*.cast" PATTERN "record.py")
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc FILES_MATCHING PATTERN "*.[ch]"
    PATTERN "fashion_mnist.c" EXCLUDE PATTERN "standalone" EXCLUDE)
install(FILES examples/standalone/CMakeLists.txt DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT doc)
