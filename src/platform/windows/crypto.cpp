#include "reverse_proxy/platform/crypto.hpp"

#include <array>
#include <cstddef>
#include <stdexcept>
#include <windows.h>

// clang-format off: they need the one above
#include <bcrypt.h>
#include <wincrypt.h>
// clang-format on

namespace reverse_proxy::platform {

std::string sha256_base64(std::string_view text) {
    BCRYPT_ALG_HANDLE algorithm = nullptr;
    if (::BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA256_ALGORITHM, nullptr, 0) < 0)
        throw std::runtime_error{"SHA-256 cannot be had"};
    std::array<unsigned char, 32> digest{};
    BCRYPT_HASH_HANDLE hash = nullptr;
    auto const data = std::string{text};  // CNG wants bytes it may write to
    auto* const bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(data.data()));
    bool const hashed =
        ::BCryptCreateHash(algorithm, &hash, nullptr, 0, nullptr, 0, 0) >= 0 &&
        ::BCryptHashData(hash, bytes, static_cast<ULONG>(data.size()), 0) >= 0 &&
        ::BCryptFinishHash(hash, digest.data(), static_cast<ULONG>(digest.size()), 0) >= 0;
    if (hash != nullptr) ::BCryptDestroyHash(hash);
    ::BCryptCloseAlgorithmProvider(algorithm, 0);

    std::array<char, 64> base64{};
    auto size = static_cast<DWORD>(base64.size());
    if (!hashed || ::CryptBinaryToStringA(digest.data(), static_cast<DWORD>(digest.size()),
                                          CRYPT_STRING_BASE64 | CRYPT_STRING_NOCRLF, base64.data(),
                                          &size) == 0)
        throw std::runtime_error{"SHA-256 cannot be had"};
    return {base64.data(), size};
}

bool same_secret(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    // Volatile: every byte is looked at, whatever the optimiser knows.
    unsigned char volatile difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

}  // namespace reverse_proxy::platform
