# Finds every library the project uses; a missing one is named together with its Debian package.
function(require package debian_package)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR
      "${package} was not found: install the Debian package ${debian_package}.\n"
      "scripts/install-packages.sh installs all that is missing.\n"
      "${${package}_NOT_FOUND_MESSAGE}")
  endif()
  set(${package}_FOUND TRUE PARENT_SCOPE)
endfunction()

if(WIN32)
  include(WindowsDependencies)
  return()
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
require(Threads libc6-dev)
# Debian keeps 1.74 beside it, which has no Boost.URL.
require(Boost "libboost1.81-dev with libboost-url1.81-dev" 1.81 COMPONENTS url)
require(fmt libfmt-dev)
require(spdlog libspdlog-dev)
require(prometheus-cpp "prometheus-cpp-dev (with libcurl4-openssl-dev, libcivetweb-dev, zlib1g-dev)")
require(nlohmann_json nlohmann-json3-dev)
require(CLI11 libcli11-dev)
require(OpenSSL libssl-dev)
