# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: headers, both libraries, a CMake package and a pkg-config file, none of which knows the prefix.
include(CMakePackageConfigHelpers)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/resnet)

install(DIRECTORY include/resnet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(TARGETS resnet EXPORT resnet-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS resnet_static EXPORT resnet-static-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT resnet-targets NAMESPACE resnet:: DESTINATION ${package_directory})
install(EXPORT resnet-static-targets NAMESPACE resnet:: DESTINATION ${package_directory})

# Before 1.0 a minor release may break programs (docs/abi.md).
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatibility SameMinorVersion)
else()
    set(compatibility SameMajorVersion)
endif()
configure_package_config_file(cmake/resnet-config.cmake.in ${PROJECT_BINARY_DIR}/resnet-config.cmake
    INSTALL_DESTINATION ${package_directory} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/resnet-config-version.cmake COMPATIBILITY ${compatibility})
install(FILES ${PROJECT_BINARY_DIR}/resnet-config.cmake ${PROJECT_BINARY_DIR}/resnet-config-version.cmake
    DESTINATION ${package_directory})

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
set(pc_requires libcjson zlib)
if(RESNET_WITH_JPEG)
    list(APPEND pc_requires libjpeg)
endif()
list(JOIN pc_requires " " pc_requires)
set(pc_libs "")
foreach(library ${RESNET_SYSTEM_LIBRARIES})
    if(IS_ABSOLUTE ${library})
        string(APPEND pc_libs " ${library}")
    else()
        string(APPEND pc_libs " -l${library}")
    endif()
endforeach()
string(STRIP "${pc_libs}" pc_libs)
configure_file(cmake/resnet.pc.in ${PROJECT_BINARY_DIR}/resnet.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/resnet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
