# The preset coverage: line and branch report of what the tests ran (build/coverage/coverage/).
option(REVERSE_PROXY_COVERAGE "Count executed lines and branches" OFF)
if(NOT REVERSE_PROXY_COVERAGE)
  return()
endif()

target_compile_options(reverse_proxy_flags INTERFACE --coverage -fprofile-update=atomic)
target_link_options(reverse_proxy_flags INTERFACE --coverage)

find_program(GCOVR gcovr)
if(NOT GCOVR)
  message(FATAL_ERROR "gcovr was not found: install the Debian package gcovr.")
endif()
set(gcov gcov)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(gcov "llvm-cov gcov")
endif()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/coverage)
add_custom_target(coverage-report
  COMMAND ${GCOVR} --root ${CMAKE_SOURCE_DIR} --filter src/ --filter include/ --gcov-executable ${gcov}
          --exclude-unreachable-branches --exclude-throw-branches --print-summary
          --txt ${CMAKE_BINARY_DIR}/coverage/report.txt
          --html-details ${CMAKE_BINARY_DIR}/coverage/index.html
          ${CMAKE_BINARY_DIR}
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
  COMMENT "Coverage of the tests that ran: ${CMAKE_BINARY_DIR}/coverage/index.html"
  VERBATIM)
