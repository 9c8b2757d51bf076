#include "reverse_proxy/upstream/encoded_request.hpp"

#include "reverse_proxy/http/encode.hpp"
#include "reverse_proxy/http/list.hpp"

#include <algorithm>
#include <cstring>

namespace reverse_proxy::upstream {

EncodedRequest::EncodedRequest(http::RequestHead const& head, http::Target const& target,
                               RequestShape const& shape, core::Text& text,
                               core::BufferPool& pool) {
    text.clear();
    text.append(head.method);
    method_end_ = static_cast<std::uint32_t>(text.size());
    if (target.slash_missing) text.append("/");
    text.append(target.path_and_query);
    target_end_ = static_cast<std::uint32_t>(text.size());
    http::append_fields(text, head.fields);
    if (shape.framing.kind == http::Framing::Kind::length) {
        text.append("Content-Length: ");
        http::append_number(text, shape.framing.length);
        text.append("\r\n");
    } else if (shape.framing.kind == http::Framing::Kind::chunked) {
        text.append("Transfer-Encoding: chunked\r\n");
    }
    if (shape.expect_continue) text.append("Expect: 100-continue\r\n");
    if (!shape.upgrade.empty()) {
        text.append("Connection: upgrade\r\n");
        http::append_field(text, "Upgrade", shape.upgrade);
    }
    text.append("\r\n");
    fields_end_ = static_cast<std::uint32_t>(text.size());
    text_ = pool.take(text.size());
    std::memcpy(text_.data(), text.data(), text.size());
}

void EncodedRequest::write(core::Text& text, balancing::Endpoint const& endpoint) const {
    std::string_view const prefix = target() == "*" ? std::string_view{} : endpoint.prefix;
    text.append(method(), " ", prefix, target(), " HTTP/1.1\r\nHost: ", endpoint.authority, "\r\n",
                part(target_end_, fields_end_));
}

std::string_view EncodedRequest::value_of(std::string_view name) const {
    std::string_view rest = part(target_end_, fields_end_);
    while (!rest.empty()) {
        std::string_view const line = rest.substr(0, rest.find("\r\n"));
        bool const named = line.size() > name.size() && line[name.size()] == ':' &&
                           http::iequals(line.substr(0, name.size()), name);
        if (named) return http::trim(line.substr(name.size() + 1));
        rest.remove_prefix(std::min(rest.size(), line.size() + 2));
    }
    return {};
}

void EncodedRequest::set_parent_id(std::string_view span_id) {
    constexpr std::size_t kParentIdAt = 36;  // behind version, trace id and their dashes
    std::string_view const traceparent = value_of("traceparent");
    if (traceparent.size() < kParentIdAt + span_id.size()) return;
    auto const at = static_cast<std::size_t>(traceparent.data() - text_.data()) + kParentIdAt;
    span_id.copy(text_.data() + at, span_id.size());
}

}  // namespace reverse_proxy::upstream
