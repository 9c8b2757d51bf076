#pragma once

#include <string>
#include <string_view>

/// The system's cryptography: OpenSSL on Linux, CNG on Windows.
namespace reverse_proxy::platform {

/// SHA-256 (FIPS 180-4) in base64 with padding: 44 characters. Throws std::runtime_error where it
/// cannot be had.
std::string sha256_base64(std::string_view text);

/// Whether both are the same, in a time that depends on their sizes alone.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace reverse_proxy::platform
