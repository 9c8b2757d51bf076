# The Debian package (cpack -G DEB), with what is generated from the tables. scripts/package.sh runs it.
if(NOT REVERSE_PROXY_PACKAGES)
  return()
endif()
if(NOT TARGET render_docs)
  add_subdirectory(tests/tools)
endif()

set(packaging ${PROJECT_SOURCE_DIR}/scripts/packaging)
set(generated ${CMAKE_BINARY_DIR}/packaging)
# gzip -n: no time of the build in it, so that the same sources make the same package.
add_custom_command(OUTPUT ${generated}/reverse-proxy.8.gz ${generated}/completion
  COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
  COMMAND render_docs manual > ${generated}/reverse-proxy.8
  COMMAND gzip -9nf ${generated}/reverse-proxy.8
  COMMAND render_docs completion > ${generated}/completion
  DEPENDS render_docs
  VERBATIM)
add_custom_target(packaging_files ALL DEPENDS ${generated}/reverse-proxy.8.gz ${generated}/completion)

# Dated by SOURCE_DATE_EPOCH where that is set.
string(TIMESTAMP changelog_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
set(CPACK_PACKAGE_CONTACT "reverse-proxy authors <reverse-proxy@packages.invalid>")
configure_file(${packaging}/debian/changelog.in ${generated}/changelog.Debian @ONLY)
execute_process(COMMAND gzip -9nf ${generated}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)

# Apart from `cmake --install`, which puts the daemon alone under its prefix: these have fixed places.
set(data PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${generated}/reverse-proxy.8.gz DESTINATION /usr/share/man/man8 ${data})
install(FILES ${generated}/completion DESTINATION /usr/share/bash-completion/completions
  RENAME reverse-proxy ${data})
install(FILES ${packaging}/systemd/reverse-proxy.service DESTINATION /lib/systemd/system ${data})
install(FILES ${packaging}/debian/default DESTINATION /etc/default RENAME reverse-proxy ${data})
install(FILES ${packaging}/debian/copyright ${generated}/changelog.Debian.gz
  DESTINATION /usr/share/doc/reverse-proxy ${data})

# Packing needs two targets, not the tests.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME reverse-proxy)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_SOURCE_DIR}/build/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)  # for the absolute destinations above
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_COMPONENTS_ALL daemon debian)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS OFF)
# Behind the project's own description; CPack indents.
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Puts a few plain HTTP origins behind one address: strict framing, retries that
cannot storm, a circuit breaker for each origin, bodies streamed in bounded
memory, WebSockets, a drain that loses no request, and Prometheus metrics.
.
It is configured by environment variables; as a service by
/etc/default/reverse-proxy. Nothing starts before that is written.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${packaging}/debian/conffiles ${packaging}/debian/postinst ${packaging}/debian/prerm
  ${packaging}/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
