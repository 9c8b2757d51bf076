#include "modifiers/max_forwards.hpp"

#include "reverse_proxy/modifiers/request_modifiers.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace reverse_proxy::modifiers {
namespace {

using http::FieldId;

/// The field's value where it counts for this method and is a plain number.
std::optional<unsigned> forwards_left(http::RequestHead const& head) {
    if (!head.fields.has(FieldId::max_forwards)) return std::nullopt;
    if (head.method != "OPTIONS" && head.method != "TRACE") return std::nullopt;
    std::string_view const text = head.fields.value_of(FieldId::max_forwards);
    unsigned left = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), left);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return left;
}

}  // namespace

bool may_forward(http::RequestHead const& head) {
    return forwards_left(head).value_or(1) > 0;
}

void count_down_max_forwards(http::RequestHead& head) {
    auto const left = forwards_left(head);
    if (!left || *left == 0) return;
    std::array<char, 12> digits{};
    auto const written = std::to_chars(digits.data(), digits.data() + digits.size(), *left - 1);
    head.fields.drop(FieldId::max_forwards);
    head.fields.add(
        "Max-Forwards",
        std::string_view{digits.data(), static_cast<std::size_t>(written.ptr - digits.data())});
}

}  // namespace reverse_proxy::modifiers
