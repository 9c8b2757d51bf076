#pragma once

#include <string>

// What packages bring along, written from the tables that --help is written from.
namespace reverse_proxy::config {

/// reverse-proxy(8), in the macros of man(7).
std::string manual_page();

/// Completion of the command line's flags, for bash(1).
std::string bash_completion();

}  // namespace reverse_proxy::config
