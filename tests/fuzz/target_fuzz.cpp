// A request target: what is accepted holds allowed bytes alone, has the form it is said to have,
// and goes on as it came; Host and authority as the strict reader judges them.
//
// Input: one byte that chooses the method, the target, and behind a line feed the value of Host.
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/http/target.hpp"
#include "tests/fuzz/heads.hpp"

#include <algorithm>
#include <array>

namespace {

using namespace reverse_proxy;
using namespace reverse_proxy::fuzz;
using Form = http::Target::Form;

constexpr std::array<std::string_view, 4> kMethods{"GET", "OPTIONS", "CONNECT", "PURGE"};

void check_target(std::string_view method, std::string_view text, http::Target const& target) {
    require(std::all_of(text.begin(), text.end(),
                        [](char c) { return c > ' ' && c < 0x7F && c != '#'; }),
            "a byte that may not stand there", text);
    require((target.form == Form::absolute) == !target.authority.empty(),
            "authority and form disagree", text);
    std::string const sent = (target.slash_missing ? "/" : "") + std::string{target.path_and_query};
    require(sent.starts_with('/') || (sent == "*" && method == "OPTIONS"),
            "what goes on is neither a path nor *", text);
    require(!target.path.empty() && target.path.find('?') == std::string_view::npos,
            "the path is empty or holds a query", text);

    if (target.form == Form::absolute) {
        require(strict_authority(target.authority), "authority not valid", text);
        std::size_t const at = text.find("://") + 3;
        require(text.substr(at).starts_with(target.authority), "authority is not the target's",
                text);
        std::string_view const rest = text.substr(at + target.authority.size());
        require(rest.empty() || rest == target.path_and_query, "path and query changed", text);
    } else {
        require(target.path_and_query == text, "path and query changed", text);
    }
    // The next proxy reads what goes on in the same way.
    auto const again = http::parse_target(method, sent);
    require(again.has_value() && again->path_and_query == sent && again->path == target.path,
            "read differently at the next hop", text);
}

void check_host(std::string_view method, std::string_view text, http::Target const& target,
                std::string_view host) {
    std::string const bytes = std::string{method} + " " + std::string{text} +
                              " HTTP/1.1\r\nHost: " + std::string{host} + "\r\n\r\n";
    http::RequestHead head;
    auto const size = http::parse_request_head(bytes, {bytes.size(), 2}, head);
    // Line ends within the value would bring fields of their own, the other targets' matter.
    if (!size || *size != bytes.size() || head.fields.parsed().size() != 1) return;
    bool const valid = http::check_host(head, target).has_value();
    if (!valid) return;
    require(read_strict_request(bytes).head_valid, "a strict reader refuses this Host", bytes);
    if (target.form != Form::absolute) return;
    // Whoever looks at Host alone goes to the same place: case and a default port aside.
    require(http::same_authority(head.fields.value_of(http::FieldId::host), target.authority,
                                 target.is_https),
            "Host differs from the target", bytes);
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Input input{data, size};
    std::string_view const method = kMethods[input.byte() % kMethods.size()];
    std::string_view const text = input.until("\n");
    std::string_view const host = input.rest();
    require(http::valid_authority(host) == strict_authority(host), "authority judged differently",
            host);
    if (strict_authority(host)) {
        require(http::same_authority(host, host, false), "an authority that is not itself", host);
        require(host.find_first_of(",;\"\\<> \t") == std::string_view::npos,
                "an authority that would be a list elsewhere", host);
    }
    auto const target = http::parse_target(method, text);
    require(target.has_value() == strict_target(method, text), "target judged differently", text);
    if (!target) return 0;
    check_target(method, text, *target);
    check_host(method, text, *target, host);
    return 0;
}
