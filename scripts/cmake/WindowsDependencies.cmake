# The libraries of Dependencies.cmake for Windows, under the same names. Debian packages none of them for
# MinGW: headers are those of the building system, the rest is compiled here.

# Links to these headers alone: beside them in /usr/include lie those of glibc.
set(header_links ${CMAKE_BINARY_DIR}/headers)
file(MAKE_DIRECTORY ${header_links})
foreach(library IN ITEMS boost spdlog fmt nlohmann CLI)
  if(NOT IS_DIRECTORY /usr/include/${library})
    message(FATAL_ERROR "/usr/include/${library} was not found: scripts/windows.sh installs all that is missing.")
  endif()
  file(CREATE_LINK /usr/include/${library} ${header_links}/${library} SYMBOLIC)
endforeach()

function(header_library name)
  add_library(${name} INTERFACE IMPORTED)
  target_include_directories(${name} INTERFACE ${header_links})
endfunction()

# compiled_library(<name> <source>...): sets `target` to what the alias <name> stands for. Its warnings
# are not ours to mend.
function(compiled_library name)
  string(REGEX REPLACE "[^A-Za-z0-9]+" "_" target ${name})
  add_library(${target} STATIC EXCLUDE_FROM_ALL ${ARGN})
  add_library(${name} ALIAS ${target})
  target_compile_options(${target} PRIVATE -w)
  set(target ${target} PARENT_SCOPE)
endfunction()

find_package(Threads REQUIRED QUIET)
header_library(Boost::headers)
header_library(fmt::fmt)
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)
header_library(spdlog::spdlog)
target_link_libraries(spdlog::spdlog INTERFACE fmt::fmt)
header_library(nlohmann_json::nlohmann_json)
header_library(CLI11::CLI11)

# The library as one header, which wants a source file of its own.
set(boost_url ${CMAKE_BINARY_DIR}/boost_url.cpp)
file(CONFIGURE OUTPUT ${boost_url} CONTENT "#include <boost/url/src.hpp>\n")
compiled_library(Boost::url ${boost_url})
target_link_libraries(${target} PUBLIC Boost::headers)

# From `apt-get source`, which scripts/windows.sh runs.
set(prometheus ${CMAKE_BINARY_DIR}/prometheus-cpp/core)
if(NOT IS_DIRECTORY ${prometheus})
  message(FATAL_ERROR "${prometheus} was not found: scripts/windows.sh fetches it.")
endif()
file(GLOB_RECURSE prometheus_sources ${prometheus}/src/*.cc)
compiled_library(prometheus-cpp::core ${prometheus_sources})
include(GenerateExportHeader)
generate_export_header(${target} BASE_NAME prometheus-cpp-core
  EXPORT_FILE_NAME ${CMAKE_BINARY_DIR}/prometheus-cpp/generated/prometheus/detail/core_export.h)
target_compile_definitions(${target} PUBLIC PROMETHEUS_CPP_CORE_STATIC_DEFINE)
target_include_directories(${target} SYSTEM PUBLIC
  ${prometheus}/include ${CMAKE_BINARY_DIR}/prometheus-cpp/generated)
target_link_libraries(${target} PUBLIC Threads::Threads)

# From the Debian package googletest.
if(REVERSE_PROXY_TESTS)
  set(google /usr/src/googletest)
  if(NOT IS_DIRECTORY ${google})
    message(FATAL_ERROR "${google} was not found: install the Debian package googletest.")
  endif()
  compiled_library(GTest::gtest ${google}/googletest/src/gtest-all.cc ${google}/googlemock/src/gmock-all.cc)
  target_include_directories(${target} SYSTEM
    PUBLIC ${google}/googletest/include ${google}/googlemock/include
    PRIVATE ${google}/googletest ${google}/googlemock)
  target_link_libraries(${target} PUBLIC Threads::Threads)
  compiled_library(GTest::gtest_main ${google}/googletest/src/gtest_main.cc)
  target_link_libraries(${target} PUBLIC GTest::gtest)
  compiled_library(GTest::gmock_main ${google}/googlemock/src/gmock_main.cc)
  target_link_libraries(${target} PUBLIC GTest::gtest)
endif()
