#pragma once

#include "config/value_text.hpp"

#include <string>

namespace reverse_proxy::config {

inline constexpr std::string_view kSecretFileForm =
    "path of a readable file of 1 to 65536 bytes, its last line end not counted";

/// A secret from a file, without its last line end (LF or CR LF): editors and `echo` write one.
/// Blocks while it reads. The Problem never holds what the file holds, and shows the path only
/// where it looks like one: the variable may have been given the secret itself.
Parsed<std::string> read_secret_file(std::string const& path);

}  // namespace reverse_proxy::config
