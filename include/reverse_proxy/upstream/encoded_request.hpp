#pragma once

#include "reverse_proxy/balancing/endpoint.hpp"
#include "reverse_proxy/core/buffer_pool.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/http/target.hpp"

#include <cstdint>
#include <string_view>

namespace reverse_proxy::upstream {

/// What an upstream connection says itself about a request, beside its fields.
struct RequestShape {
    http::Framing framing;
    bool expect_continue{false};
    std::string_view upgrade;  // protocol asked for; "" = none
};

/// A modified request head in HTTP/1.1 form, kept while attempts are made: what differs between
/// endpoints (prefix and Host) is left out and put in by write(). So attempt 2 equals attempt 1,
/// whatever became of the client's bytes; traceparent's parent id alone may be set anew.
class EncodedRequest {
public:
    /// `text` is written in and keeps its memory from one request to the next, so that none
    /// allocates.
    EncodedRequest(http::RequestHead const& head, http::Target const& target,
                   RequestShape const& shape, core::Text& text, core::BufferPool& pool);

    /// Appends the head for this endpoint.
    void write(core::Text& text, balancing::Endpoint const& endpoint) const;
    /// Value of the first field of this name in any case, or "".
    [[nodiscard]] std::string_view value_of(std::string_view name) const;
    /// The span that the origin is told as its parent from now on: 16 digits.
    void set_parent_id(std::string_view span_id);
    [[nodiscard]] std::string_view method() const { return part(0, method_end_); }
    [[nodiscard]] std::string_view target() const { return part(method_end_, target_end_); }

private:
    [[nodiscard]] std::string_view part(std::uint32_t from, std::uint32_t to) const {
        return {text_.data() + from, to - from};
    }

    core::PooledBuffer text_;
    std::uint32_t method_end_{0};
    std::uint32_t target_end_{0};
    std::uint32_t fields_end_{0};
};

}  // namespace reverse_proxy::upstream
