#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace reverse_proxy::core {

/// A short text held in place, so that keeping one per request costs no allocation. What does not
/// fit is cut off.
template <std::size_t Capacity> class ShortText {
public:
    void assign(std::string_view text) {
        size_ = std::min(text.size(), Capacity);
        text.copy(bytes_.data(), size_);
    }
    void clear() { size_ = 0; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }
    operator std::string_view() const { return view(); }

private:
    std::array<char, Capacity> bytes_{};
    std::size_t size_{0};
};

}  // namespace reverse_proxy::core
