# embed_files(<header> <namespace> <file>...): writes a header that holds each file's bytes as a std::string_view
# named after it, status.html as kStatusHtml. Written when configuring, so that clang-tidy, which never builds,
# finds it too; a change of a file configures anew.
function(embed_files header namespace)
  set(text "#pragma once\n\n// Written by scripts/cmake/EmbedFiles.cmake.\n\n#include <string_view>\n\n")
  string(APPEND text "namespace ${namespace} {\n")
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME)
    string(REGEX MATCHALL "[A-Za-z0-9]+" words ${name})
    set(name k)
    foreach(word IN LISTS words)
      string(SUBSTRING ${word} 0 1 initial)
      string(TOUPPER ${initial} initial)
      string(SUBSTRING ${word} 1 -1 rest)
      string(APPEND name ${initial}${rest})
    endforeach()
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
    string(APPEND text "inline constexpr char ${name}Bytes[] = {${bytes}};\n"
                       "inline constexpr std::string_view ${name}{${name}Bytes, sizeof ${name}Bytes};\n")
  endforeach()
  string(APPEND text "}  // namespace ${namespace}\n")
  file(CONFIGURE OUTPUT ${header} CONTENT "${text}" @ONLY)  # only where it differs
endfunction()
