# What `cmake --install` and `cpack -G DEB` install: the programs, their manual pages, the completion, the systemd units
# and the configuration file. Included last, when the programs are defined.
#
# The units name /usr/bin and the file lies in /etc: a package has the prefix /usr. `cmake --install --prefix` elsewhere
# leaves both out.
include(GNUInstallDirs)

set(package_folder ${PROJECT_SOURCE_DIR}/deploy/package)
set(generated ${PROJECT_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${generated})

# gzip's -n leaves out names and times: the same build gives the same files.
add_custom_command(
  OUTPUT ${generated}/smartbatch-proxy.8.gz
  COMMAND ${package_folder}/manual $<TARGET_FILE:smartbatch-proxy> | gzip -9n > ${generated}/smartbatch-proxy.8.gz
  DEPENDS smartbatch-proxy ${package_folder}/manual ${PROJECT_SOURCE_DIR}/scripts/lib/help.awk VERBATIM)
add_custom_command(
  OUTPUT ${generated}/smartbatch-classifier.8.gz
  COMMAND ${package_folder}/manual $<TARGET_FILE:smartbatch-classifier> | gzip -9n > ${generated}/smartbatch-classifier.8.gz
  DEPENDS smartbatch-classifier ${package_folder}/manual ${PROJECT_SOURCE_DIR}/scripts/lib/help.awk VERBATIM)
add_custom_command(
  OUTPUT ${generated}/loadgen.1.gz ${generated}/loadgen
  COMMAND $<TARGET_FILE:loadgen> manual | gzip -9n > ${generated}/loadgen.1.gz
  COMMAND $<TARGET_FILE:loadgen> completion > ${generated}/loadgen
  DEPENDS loadgen VERBATIM)
add_custom_command(
  OUTPUT ${generated}/changelog.gz
  COMMAND gzip -9n < ${package_folder}/changelog > ${generated}/changelog.gz
  DEPENDS ${package_folder}/changelog VERBATIM)
add_custom_target(package-files
  DEPENDS ${generated}/smartbatch-proxy.8.gz ${generated}/smartbatch-classifier.8.gz ${generated}/loadgen.1.gz
          ${generated}/changelog.gz)

install(TARGETS smartbatch-proxy smartbatch-classifier loadgen RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${generated}/smartbatch-proxy.8.gz ${generated}/smartbatch-classifier.8.gz
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${generated}/loadgen.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${generated}/loadgen DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${package_folder}/copyright ${generated}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Debian's names: the units below /lib of the root, the configuration in /etc whatever the prefix.
install(FILES ${package_folder}/smartbatch-proxy.service ${package_folder}/smartbatch-proxy.socket
              ${package_folder}/smartbatch-classifier.service ${package_folder}/smartbatch-classifier.socket
        DESTINATION /lib/systemd/system COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${package_folder}/proxy.textproto DESTINATION /etc/smartbatch COMPONENT debian EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME smartbatch)
set(CPACK_PACKAGE_VENDOR "Smart Batching Proxy")
set(CPACK_PACKAGE_CONTACT "Smart Batching Proxy maintainers <smartbatch@example.org>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
# One package of all components.
set(CPACK_COMPONENTS_ALL Unspecified debian)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS procps) # kill, for ExecReload
if(SMARTBATCH_TRACES)
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", opentelemetry-cpp") # its libraries have no versions, so it is not found
endif()
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "bash-completion, gnuplot-nox")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "gRPC proxy that forms batches for a model, with a load generator")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Requests of many customers wait in one queue; whenever the model is free, the
proxy decides which sequences of which requests travel together, and in which
order. Operators change the strategy while it runs, without losing a request.

The package has the proxy, a classifier of text that stands in for the model,
and loadgen, which plays workloads and compares strategies.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${package_folder}/conffiles ${package_folder}/postinst ${package_folder}/prerm ${package_folder}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
