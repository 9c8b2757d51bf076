#pragma once

#include <cstdint>
#include <string_view>

namespace reverse_proxy::http {

/// Methods by name; every other one is `other`. Method names are case-sensitive (RFC 9110, 9.1).
enum class Method : std::uint8_t {
    get,
    head,
    post,
    put,
    delete_,
    connect,
    options,
    trace,
    patch,
    other
};
inline constexpr unsigned kMethodCount = 10;

Method method_of(std::string_view name);
/// The label in metrics: the name, `OTHER` for an unknown one.
std::string_view label_of(Method method);
/// RFC 9110, 9.2.2: GET, HEAD, OPTIONS, TRACE, PUT, DELETE.
bool is_idempotent(Method method);

}  // namespace reverse_proxy::http
