#pragma once

#include <cstdint>
#include <string_view>

namespace reverse_proxy::http {

/// The fields this proxy itself looks at; every other one is `other`. Fits a 64-bit set.
enum class FieldId : std::uint8_t {
    other,
    connection,
    content_length,
    content_type,
    cookie,
    date,
    expect,
    forwarded,
    host,
    keep_alive,
    max_forwards,
    proxy_authenticate,
    proxy_authorization,
    proxy_connection,
    proxy_status,
    retry_after,
    server,
    te,
    trailer,
    transfer_encoding,
    traceparent,
    tracestate,
    upgrade,
    user_agent,
    via,
    x_forwarded,  // any other X-Forwarded-* (Port, Prefix, Server, Ssl, ...)
    x_forwarded_for,
    x_forwarded_host,
    x_forwarded_proto,
    x_real_ip,
    x_request_id,
    authorization,
    imitation,  // read by CGI-like origins as a field that is not theirs to read; see field_id()
    control,    // only among trailers: any other field that may not stand there (RFC 9110, 6.5.1)
    count
};

/// A set of field identifiers in one word.
class FieldSet {
public:
    constexpr FieldSet() = default;
    template <typename... Ids>
    explicit constexpr FieldSet(FieldId first, Ids... rest)
        : bits_{(bit(first) | ... | bit(rest))} {}
    constexpr void insert(FieldId id) { bits_ |= bit(id); }
    [[nodiscard]] constexpr bool contains(FieldId id) const { return (bits_ & bit(id)) != 0; }
    [[nodiscard]] constexpr bool intersects(FieldSet other) const {
        return (bits_ & other.bits_) != 0;
    }
    constexpr void clear() { bits_ = 0; }

private:
    static constexpr std::uint64_t bit(FieldId id) {
        return std::uint64_t{1} << static_cast<unsigned>(id);
    }
    std::uint64_t bits_{0};
};

static_assert(static_cast<unsigned>(FieldId::count) <= 64, "FieldSet holds one word");

/// Case-insensitive; no allocation.
///
/// CGI-like origins turn field names into variables in which `-` and every other sign become `_`
/// (RFC 3875, 4.1.18). So `Content_Length` or `X.Forwarded-For` reads like the real field to them
/// and like an unknown one to everybody in front. A name that imitates a framing, routing or trust
/// field in this way is an `imitation`, to be dropped; so is `Proxy`, which would become the
/// variable HTTP_PROXY. Other names with such signs are `other` and pass.
FieldId field_id(std::string_view name);

/// ASCII case-insensitive comparison.
bool iequals(std::string_view a, std::string_view b);

}  // namespace reverse_proxy::http
