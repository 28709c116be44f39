# SPDX-License-Identifier: MIT
# Installs the programs, as component programs. They find the library from where they lie themselves, wherever the prefix is moved, and say nothing about
# it where the dynamic linker looks without being told.

set(programs resnet_program depth_study)
if(RESNET_DEFAULT_LIBRARY STREQUAL "resnet")
    set(run_path ${CMAKE_INSTALL_FULL_LIBDIR})
    if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR} AND NOT IS_ABSOLUTE ${CMAKE_INSTALL_BINDIR})
        file(RELATIVE_PATH run_path /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
        set(run_path "$ORIGIN/${run_path}")
    endif()
    set_target_properties(${programs} PROPERTIES INSTALL_RPATH "${run_path}")
endif()
install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
install(FILES resnet.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT programs)
install(FILES completion/resnet.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME resnet COMPONENT programs)
install(FILES completion/_resnet DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT programs)
install(FILES completion/resnet.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT programs)
foreach(translation ${translations})
    get_filename_component(place ${translation} DIRECTORY)
    file(RELATIVE_PATH place ${PROJECT_BINARY_DIR}/share ${place})
    install(FILES ${translation} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/${place} COMPONENT programs)
endforeach()

# The directories of ld.so itself. Others, /usr/local/lib among them, are searched only where and once ldconfig has been told.
set(trusted /lib /usr/lib)
if(CMAKE_LIBRARY_ARCHITECTURE)
    list(APPEND trusted /lib/${CMAKE_LIBRARY_ARCHITECTURE} /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
else()
    list(APPEND trusted /lib64 /usr/lib64)
endif()
# The prefix is known only when it is installed to (cmake --install --prefix).
list(JOIN trusted " " trusted)
install(CODE "
    get_filename_component(bindir \"${CMAKE_INSTALL_BINDIR}\" ABSOLUTE BASE_DIR \"\${CMAKE_INSTALL_PREFIX}\")
    get_filename_component(libdir \"${CMAKE_INSTALL_LIBDIR}\" ABSOLUTE BASE_DIR \"\${CMAKE_INSTALL_PREFIX}\")
    foreach(trusted ${trusted})
        if(\"x\${libdir}\" STREQUAL \"x\${trusted}\")
            foreach(program resnet resnet-depth_study)
                file(RPATH_REMOVE FILE \"\$ENV{DESTDIR}\${bindir}/\${program}\")
            endforeach()
        endif()
    endforeach()
" COMPONENT programs)
