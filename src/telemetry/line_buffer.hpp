#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace reverse_proxy::telemetry {

/// Text that is built anew again and again in the same memory. Its appends are inlined copies;
/// those of std::string, a call each, took most of the time that a log line took.
class LineBuffer {
public:
    void clear() { size_ = 0; }
    [[nodiscard]] std::string_view view() const { return {data_.get(), size_}; }

    LineBuffer& operator+=(std::string_view text) {
        if (capacity_ - size_ < text.size()) grow(text.size());
        std::copy_n(text.data(), text.size(), data_.get() + size_);
        size_ += text.size();
        return *this;
    }
    LineBuffer& operator+=(char byte) { return *this += std::string_view{&byte, 1}; }

private:
    void grow(std::size_t by) {
        std::size_t const capacity = std::max(capacity_ * 2, size_ + by);
        auto grown = std::make_unique<char[]>(capacity);
        std::copy_n(data_.get(), size_, grown.get());
        data_ = std::move(grown);
        capacity_ = capacity;
    }

    // Enough for all lines but those with a very long target.
    static constexpr std::size_t kUsual = 1024;

    std::unique_ptr<char[]> data_ = std::make_unique<char[]>(kUsual);
    std::size_t capacity_{kUsual};
    std::size_t size_{0};
};

}  // namespace reverse_proxy::telemetry
