#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace reverse_proxy::core {

/// A text that is only appended to and cleared, as heads are while they are written.
///
/// A head is put together of short pieces: inlined here, with literals' sizes known to the
/// compiler. Keeps its memory when cleared. Owned by one worker.
class Text {
public:
    Text() = default;
    explicit Text(std::size_t capacity) { grow(capacity); }

    /// Appends texts one behind the other; room is looked for once, for all of them.
    template <typename... More>
    [[gnu::always_inline]] void append(std::string_view first, More const&... more) {
        join(first, std::string_view{more}...);
    }
    /// Takes away what was appended last; at most size().
    void remove_suffix(std::size_t bytes) { end_ -= bytes; }
    void clear() { end_ = begin_.get(); }

    [[nodiscard]] char const* data() const { return begin_.get(); }
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end_ - begin_.get()); }
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] std::string_view view() const { return {data(), size()}; }

private:
    template <typename... Pieces> [[gnu::always_inline]] void join(Pieces... pieces) {
        std::size_t const size = (pieces.size() + ...);
        if (static_cast<std::size_t>(limit_ - end_) < size) [[unlikely]]
            grow(size);
        (put(pieces), ...);
    }
    [[gnu::always_inline]] void put(std::string_view piece) {
        if (piece.empty()) return;  // its data may be null
        std::memcpy(end_, piece.data(), piece.size());
        end_ += piece.size();
    }
    /// Makes room for `wanted` more bytes, at least twice as much as there is.
    [[gnu::noinline]] void grow(std::size_t wanted) {
        std::size_t const used = size();
        std::size_t const capacity = 2 * (used + wanted);
        auto larger = std::make_unique_for_overwrite<char[]>(capacity);
        if (used != 0) std::memcpy(larger.get(), begin_.get(), used);
        begin_ = std::move(larger);
        end_ = begin_.get() + used;
        limit_ = begin_.get() + capacity;
    }

    std::unique_ptr<char[]> begin_;
    char* end_{nullptr};
    char* limit_{nullptr};
};

}  // namespace reverse_proxy::core
