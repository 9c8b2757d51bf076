#pragma once

#include "reverse_proxy/modifiers/request_modifiers.hpp"
#include "tests/support/added_fields.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

/// What modifiers leave of a head, for tests.
namespace reverse_proxy::modifiers::test {

/// The fields that go out, in their order, each as `name: value`.
inline std::vector<std::string> outgoing(http::Fields const& fields) {
    std::vector<std::string> lines;
    for (http::Field const& field : fields.parsed())
        if (!field.dropped)
            lines.push_back(std::string{field.name} + ": " + std::string{field.value});
    test_support::for_each_added(fields, [&](std::string_view name, std::string_view value) {
        lines.push_back(std::string{name} + ": " + std::string{value});
    });
    return lines;
}

/// Values of all outgoing fields of this name (case-insensitive), joined by " | ".
inline std::string value_of(http::Fields const& fields, std::string_view name) {
    std::string joined;
    bool found = false;
    auto const take = [&](std::string_view field_name, std::string_view value) {
        if (!http::iequals(field_name, name)) return;
        if (found) joined += " | ";
        found = true;
        joined += value;
    };
    for (http::Field const& field : fields.parsed())
        if (!field.dropped) take(field.name, field.value);
    test_support::for_each_added(fields, take);
    return found ? joined : "(none)";
}

inline Peer peer_at(std::string_view address, bool trusted) {
    return {core::unmapped(boost::asio::ip::make_address(address)), false, std::string{address},
            trusted};
}

/// A request that went through all modifiers.
struct Modified {
    Modified(std::string_view start, std::string_view fields, Peer const& peer,
             TrustedProxies const& trusted = {}, TraceSampling const& sampling = {})
        : text{std::string{start} + "\r\n" + std::string{fields} + "\r\n"} {
        EXPECT_TRUE(http::test::read(text, head).has_value()) << text;
        auto const target = http::parse_target(head.method, head.target);
        EXPECT_TRUE(target.has_value()) << text;
        core::Random random{1};
        modify_request(head, *target, peer, trusted, random, facts, sampling);
    }
    Modified(Modified const&) = delete;
    Modified& operator=(Modified const&) = delete;

    [[nodiscard]] std::string value(std::string_view name) const {
        return value_of(head.fields, name);
    }

    std::string text;
    http::RequestHead head;
    RequestFacts facts;
};

}  // namespace reverse_proxy::modifiers::test
