#include "reverse_proxy/http/method.hpp"

#include <array>

namespace reverse_proxy::http {
namespace {

constexpr std::array<std::string_view, kMethodCount> kLabels{
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "OTHER"};

}  // namespace

Method method_of(std::string_view name) {
    // The length leaves at most two names to compare with.
    switch (name.size()) {
    case 3:
        if (name == "GET") return Method::get;
        if (name == "PUT") return Method::put;
        break;
    case 4:
        if (name == "POST") return Method::post;
        if (name == "HEAD") return Method::head;
        break;
    case 5:
        if (name == "PATCH") return Method::patch;
        if (name == "TRACE") return Method::trace;
        break;
    case 6:
        if (name == "DELETE") return Method::delete_;
        break;
    case 7:
        if (name == "OPTIONS") return Method::options;
        if (name == "CONNECT") return Method::connect;
        break;
    default:
        break;
    }
    return Method::other;
}

std::string_view label_of(Method method) {
    return kLabels[static_cast<std::size_t>(method)];
}

bool is_idempotent(Method method) {
    switch (method) {
    case Method::get:
    case Method::head:
    case Method::options:
    case Method::trace:
    case Method::put:
    case Method::delete_:
        return true;
    case Method::post:
    case Method::connect:
    case Method::patch:
    case Method::other:
        return false;
    }
    return false;
}

}  // namespace reverse_proxy::http
