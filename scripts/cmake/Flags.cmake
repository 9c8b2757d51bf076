# Compiler and linker flags of our own code; they travel on the INTERFACE target reverse_proxy_flags.
# Libraries found by find_package are IMPORTED and therefore SYSTEM: their headers raise no warnings.
include(CheckCXXCompilerFlag)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
mark_as_advanced(CCACHE_PROGRAM)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths relative to the source folder, so that another clone finds what this one has compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true ${CCACHE_PROGRAM})
endif()

add_library(reverse_proxy_flags INTERFACE)
target_compile_options(reverse_proxy_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wold-style-cast -Werror)
# Bounds and preconditions of the standard library, wherever our own asserts are on too.
target_compile_definitions(reverse_proxy_flags INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

if(WIN32)
  # Windows 10; and of its headers the smaller half, without the macros min and max.
  target_compile_definitions(reverse_proxy_flags INTERFACE _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN NOMINMAX)
  # Asio's templates make more sections than the older object format can number.
  target_compile_options(reverse_proxy_flags INTERFACE -Wa,-mbig-obj)
endif()

set(REVERSE_PROXY_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")
if(REVERSE_PROXY_SANITIZE)
  target_compile_options(reverse_proxy_flags INTERFACE
    -fsanitize=${REVERSE_PROXY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(reverse_proxy_flags INTERFACE -fsanitize=${REVERSE_PROXY_SANITIZE})
  if(REVERSE_PROXY_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Clang 14 cannot assemble this check's marks in split coroutines ("difference across sections").
    target_compile_options(reverse_proxy_flags INTERFACE -fno-sanitize=function)
  endif()
  if(REVERSE_PROXY_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio's fences, which ThreadSanitizer does not model, are reported where its templates expand.
    target_compile_options(reverse_proxy_flags INTERFACE -Wno-tsan)
  endif()
endif()

if(REVERSE_PROXY_LIBFUZZER)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "REVERSE_PROXY_LIBFUZZER needs Clang: use the preset fuzz")
  endif()
  target_compile_options(reverse_proxy_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # GNU ld reads Clang's bitcode only through a plugin that Debian ships apart.
  target_link_options(reverse_proxy_flags INTERFACE -fuse-ld=lld)
endif()
