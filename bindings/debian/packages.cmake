# What `cpack` makes: the Debian packages libstreamablehttp0, libstreamablehttp-dev and one for each module, such as
# libstreamablehttp-sqlite0, and a tarball with a layout for any prefix. bindings/debian has what only they contain; its
# changelog names their version and maintainer.

file(STRINGS bindings/debian/changelog changelog)
list(GET changelog 0 deb_version)
string(REGEX MATCH "\\((.*)-(.*)\\)" _ "${deb_version}")
set(deb_version "${CMAKE_MATCH_1}-${CMAKE_MATCH_2}")
set(deb_revision ${CMAKE_MATCH_2})
if(NOT CMAKE_MATCH_1 STREQUAL PROJECT_VERSION)
  message(FATAL_ERROR "bindings/debian/changelog begins with ${CMAKE_MATCH_1}, and this is ${PROJECT_VERSION}")
endif()
list(FILTER changelog INCLUDE REGEX "^ -- ")
list(GET changelog 0 deb_maintainer)
string(REGEX REPLACE "^ -- (.*>)  .*" "\\1" deb_maintainer "${deb_maintainer}")

# ---- The Debian packages ---------------------------------------------------

set(deb_libdir lib/${CMAKE_LIBRARY_ARCHITECTURE})
shttp_install(${deb_libdir} /usr deb_runtime deb_development EXCLUDE_FROM_ALL)
foreach(module IN LISTS modules)
  shttp_install_module(${module} ${deb_libdir} deb_${module} EXCLUDE_FROM_ALL)
endforeach()

set(deb ${PROJECT_BINARY_DIR}/installed/deb)
file(MAKE_DIRECTORY ${deb})

# shttp_gzip(FILE RESULT): as Debian wants it, without a name and a time in it.
function(shttp_gzip file result)
  execute_process(COMMAND gzip -9nc ${file} OUTPUT_FILE ${result} COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()

function(shttp_deb_documents package component)
  install(FILES bindings/debian/copyright ${deb}/changelog.Debian.gz
    DESTINATION share/doc/${package} COMPONENT ${component} EXCLUDE_FROM_ALL)
  if(EXISTS ${PROJECT_SOURCE_DIR}/bindings/debian/${package}.lintian-overrides)
    install(FILES bindings/debian/${package}.lintian-overrides
      DESTINATION share/lintian/overrides RENAME ${package} COMPONENT ${component} EXCLUDE_FROM_ALL)
  endif()
endfunction()

shttp_gzip(${PROJECT_SOURCE_DIR}/bindings/debian/changelog ${deb}/changelog.Debian.gz)
shttp_deb_documents(libstreamablehttp0 deb_runtime)
foreach(module IN LISTS modules)
  shttp_deb_documents(libstreamablehttp-${module}0 deb_${module})
endforeach()
shttp_deb_documents(libstreamablehttp-dev deb_development)
file(GLOB manuals CONFIGURE_DEPENDS docs/man/*.3)
foreach(manual IN LISTS manuals)
  get_filename_component(name ${manual} NAME)
  shttp_gzip(${manual} ${deb}/${name}.gz)
  install(FILES ${deb}/${name}.gz DESTINATION share/man/man3 COMPONENT deb_development EXCLUDE_FROM_ALL)
endforeach()

# What a package that links the library depends on. That each symbol needs this very version is stricter than it has
# to be, and never wrong.
set(symbols "libstreamablehttp.so.${PROJECT_VERSION_MAJOR} libstreamablehttp${PROJECT_VERSION_MAJOR} #MINVER#\n")
string(APPEND symbols "* Build-Depends-Package: libstreamablehttp-dev\n")
file(STRINGS Sources/CABI/exports.map exported)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS Sources/CABI/exports.map)
foreach(line IN LISTS exported)
  if(line MATCHES "^(SHTTP_[0-9]+) ")
    set(node ${CMAKE_MATCH_1})
  elseif(line MATCHES "(shttp_[a-z0-9_]+)\;?$")
    string(APPEND symbols " ${CMAKE_MATCH_1}@${node} ${PROJECT_VERSION}\n")
  endif()
endforeach()
file(WRITE ${deb}/symbols "${symbols}")
file(WRITE ${deb}/shlibs "libstreamablehttp ${PROJECT_VERSION_MAJOR} libstreamablehttp0 (>= ${PROJECT_VERSION})\n")
file(WRITE ${deb}/triggers "activate-noawait ldconfig\n")
# No program links a module: the library opens it.
foreach(module IN LISTS modules)
  set(name libstreamablehttp-${module})
  set(package ${name}${PROJECT_VERSION_MAJOR})
  file(WRITE ${deb}/${module}/shlibs "${name} ${PROJECT_VERSION_MAJOR} ${package} (>= ${PROJECT_VERSION})\n")
  file(WRITE ${deb}/${module}/symbols
    "${name}.so.${PROJECT_VERSION_MAJOR} ${package} #MINVER#\n"
    " shttp_store_module_open@SHTTP_STORE_0 ${PROJECT_VERSION}\n")
endforeach()

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL deb_runtime deb_sqlite deb_redis deb_development)
set(CPACK_DEBIAN_PACKAGE_SOURCE libstreamablehttp)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${deb_maintainer}")
set(CPACK_DEBIAN_PACKAGE_RELEASE ${deb_revision})
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_POST_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/bindings/debian/finish_debs.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(what [[
It does everything between the socket and the message: HTTP, event
streams, sessions, routing, limits, security checks and the revisions of
the Model Context Protocol. The host receives and sends JSON-RPC messages.]])

set(CPACK_DEBIAN_DEB_RUNTIME_PACKAGE_NAME libstreamablehttp0)
set(CPACK_DEBIAN_DEB_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEB_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEB_RUNTIME_PACKAGE_CONTROL_EXTRA "${deb}/symbols;${deb}/shlibs;${deb}/triggers")
set(CPACK_COMPONENT_DEB_RUNTIME_DESCRIPTION "MCP's Streamable HTTP transport (shared library)\n${what}")

set(CPACK_DEBIAN_DEB_RUNTIME_PACKAGE_SUGGESTS "libstreamablehttp-sqlite0, libstreamablehttp-redis0")

# shttp_deb_module(NAME DEPENDS SHORT LONG): its package, what it needs beside the library, and what it is.
function(shttp_deb_module module depends short long)
  string(TOUPPER ${module} component)
  set(package CPACK_DEBIAN_DEB_${component}_PACKAGE)
  set(${package}_NAME libstreamablehttp-${module}0 PARENT_SCOPE)
  set(${package}_SECTION libs PARENT_SCOPE)
  set(${package}_SHLIBDEPS ON PARENT_SCOPE)
  set(${package}_DEPENDS "libstreamablehttp0 (= ${deb_version})${depends}" PARENT_SCOPE)
  set(${package}_CONTROL_EXTRA "${deb}/${module}/symbols;${deb}/${module}/shlibs;${deb}/triggers" PARENT_SCOPE)
  set(CPACK_COMPONENT_DEB_${component}_DESCRIPTION
    "MCP's Streamable HTTP transport (${short})\n${what}\n.\n${long}" PARENT_SCOPE)
endfunction()

shttp_deb_module(sqlite ", libsqlite3-0 (>= 3.24)" "store in SQLite"
  "The module that keeps sessions and events in a file, so that they outlive\n the process.")
shttp_deb_module(redis "" "store in Redis"
  "The module that keeps sessions and events in Redis, which several servers\n can share.")

set(CPACK_DEBIAN_DEB_DEVELOPMENT_PACKAGE_NAME libstreamablehttp-dev)
set(CPACK_DEBIAN_DEB_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEB_DEVELOPMENT_PACKAGE_DEPENDS "libstreamablehttp0 (= ${deb_version})")
set(CPACK_DEBIAN_DEB_DEVELOPMENT_PACKAGE_SUGGESTS "libuv1-dev, libjansson-dev, pkg-config")
set(CPACK_COMPONENT_DEB_DEVELOPMENT_DESCRIPTION
  "MCP's Streamable HTTP transport (development files)\n${what}\n.\nThe header, for pkg-config and for CMake.")

# ---- The tarball, and all of them ------------------------------------------

string(TOLOWER ${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR} platform)
set(CPACK_PACKAGE_NAME libstreamablehttp)
set(CPACK_PACKAGE_VENDOR "the libstreamablehttp authors")
set(CPACK_PACKAGE_FILE_NAME libstreamablehttp-${PROJECT_VERSION}-${platform})
set(CPACK_ARCHIVE_COMPONENT_INSTALL OFF)
set(CPACK_STRIP_FILES OFF) # the build has done it
set(CPACK_GENERATOR TGZ)
find_program(SHTTP_DPKG_SHLIBDEPS dpkg-shlibdeps)
if(SHTTP_DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_SOURCE_GENERATOR "")
include(CPack)
