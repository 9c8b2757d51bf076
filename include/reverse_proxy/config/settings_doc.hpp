#pragma once

#include <string>

namespace reverse_proxy::config {

/// What --help prints: usage, exit codes, and every variable with meaning, default and range.
std::string help_text();

/// docs/configuration.md, written from the same table.
std::string configuration_markdown();

}  // namespace reverse_proxy::config
