#include "tests/support/pattern.hpp"

#include <algorithm>

namespace reverse_proxy::test_support {
namespace {

constexpr std::size_t kPeriod = 65'521;

std::string const& one_period() {
    static std::string const text = [] {
        std::string out;
        out.reserve(kPeriod);
        // A linear congruential sequence (Knuth's MMIX constants); only its high bits are used.
        std::uint64_t state = 1;
        for (std::size_t i = 0; i < kPeriod; ++i) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            out.push_back(static_cast<char>('a' + (state >> 33U) % 26));
        }
        return out;
    }();
    return text;
}

/// Calls `use` with slices of the period that together are `size` bytes from `offset` on.
template <typename Use> void for_each_slice(std::uint64_t offset, std::size_t size, Use use) {
    std::string_view const period = one_period();
    while (size > 0) {
        auto const slice = period.substr(offset % kPeriod, size);
        use(slice);
        offset += slice.size();
        size -= slice.size();
    }
}

}  // namespace

std::string pattern(std::uint64_t offset, std::size_t size) {
    std::string out;
    out.reserve(size);
    for_each_slice(offset, size, [&](std::string_view slice) { out.append(slice); });
    return out;
}

void PatternCheck::feed(std::string_view piece) {
    for_each_slice(size_, piece.size(), [&](std::string_view slice) {
        matches_ = matches_ && piece.substr(0, slice.size()) == slice;
        piece.remove_prefix(slice.size());
        size_ += slice.size();
    });
}

}  // namespace reverse_proxy::test_support
