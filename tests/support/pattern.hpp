#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace reverse_proxy::test_support {

/// Content that tells where in it a byte belongs: a piece that is lost, doubled or swapped does not
/// match. Letters only, repeating after 65,521 bytes (a prime, so that no power-of-two buffer
/// fits).
[[nodiscard]] std::string pattern(std::uint64_t offset, std::size_t size);

/// Compares content with the pattern as it comes, in any cut.
class PatternCheck {
public:
    void feed(std::string_view piece);
    [[nodiscard]] std::uint64_t size() const { return size_; }
    /// True while every byte so far was the right one.
    [[nodiscard]] bool matches() const { return matches_; }

private:
    std::uint64_t size_{0};
    bool matches_{true};
};

}  // namespace reverse_proxy::test_support
