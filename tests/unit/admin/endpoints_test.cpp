#include "reverse_proxy/admin/endpoints.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace reverse_proxy;
using namespace reverse_proxy::admin;
using http::LocalResponse;
using http::Method;
using nlohmann::json;

namespace {

std::optional<std::string> field(LocalResponse const& response, std::string_view name) {
    for (auto const& [known, value] : response.fields) {
        if (known == name) return value;
    }
    return {};
}

EndpointStatus const kEligible{"http://10.0.0.1:80", "10.0.0.1:80", true, "closed", true};
EndpointStatus const kOpen{"http://10.0.0.2:80/x", "10.0.0.2:80/x", false, "open", false};

State state_of(std::vector<EndpointStatus> endpoints, bool draining = false) {
    State state;
    state.draining = draining;
    state.endpoints = [list = std::move(endpoints)] { return list; };
    return state;
}

Endpoints const kOpenToAll{"", true};

/// Nothing where the control thread is to render the answer.
std::optional<LocalResponse> answer_of(Endpoints const& endpoints,
                                       Endpoints::Request const& request, State const& state) {
    auto const answer = endpoints.answer(request, state);
    auto const* const response = std::get_if<LocalResponse>(&answer);
    return response == nullptr ? std::nullopt : std::optional{*response};
}

/// A state that must not be asked.
State untouchable() {
    State state;
    state.endpoints = []() -> std::vector<EndpointStatus> {
        ADD_FAILURE() << "the answer must not depend on upstreams";
        return {};
    };
    return state;
}

}  // namespace

TEST(AdminEndpoints, PathsAreExact) {
    Endpoints const without_page{"", false};
    for (std::string_view const path : {"/healthz", "/readyz", "/metrics"}) {
        EXPECT_TRUE(kOpenToAll.serves(path)) << path;
        EXPECT_TRUE(without_page.serves(path)) << path;
    }
    for (std::string_view const path : {"/status", "/status.json"}) {
        EXPECT_TRUE(kOpenToAll.serves(path)) << path;
        EXPECT_FALSE(without_page.serves(path)) << path;
    }
    for (std::string_view const path : {"", "/", "/healthz/", "/Healthz", "/healthzz", "healthz",
                                        "/metrics/x", "/ready", "/status/", "/status.js"})
        EXPECT_FALSE(kOpenToAll.serves(path)) << path;
}

TEST(AdminEndpoints, StatusByMethodAndPath) {
    struct Case {
        Method method;
        std::string_view path;
        std::string_view query;
        unsigned status;  // 0: the exposition is to be rendered
    };
    Endpoints const& endpoints = kOpenToAll;
    State const state = state_of({kEligible});
    for (Case const& c :
         std::initializer_list<Case>{{Method::get, "/healthz", "", 200},
                                     {Method::head, "/healthz", "", 200},
                                     {Method::get, "/healthz", "check=upstream", 200},
                                     {Method::get, "/readyz", "", 200},
                                     {Method::head, "/readyz", "x=y", 200},
                                     {Method::get, "/metrics", "", 0},
                                     {Method::head, "/metrics", "name[]=x", 0},
                                     {Method::get, "/status", "", 200},
                                     {Method::head, "/status", "x=y", 200},
                                     {Method::get, "/status.json", "", 0},
                                     {Method::post, "/status", "", 405},
                                     {Method::delete_, "/status.json", "", 405},
                                     {Method::post, "/healthz", "", 405},
                                     {Method::put, "/readyz", "", 405},
                                     {Method::delete_, "/metrics", "", 405},
                                     {Method::options, "/healthz", "", 405},
                                     {Method::trace, "/healthz", "", 405},
                                     {Method::other, "/metrics", "", 405},
                                     {Method::get, "/", "", 404},
                                     {Method::post, "/", "", 404},
                                     {Method::get, "/healthz/", "", 404}}) {
        auto const answer = answer_of(endpoints, {c.method, c.path, c.query, {}}, state);
        EXPECT_EQ(answer ? answer->status : 0, c.status) << c.path << ' ' << int(c.method);
        if (!answer) continue;
        EXPECT_EQ(field(*answer, "Cache-Control"), "no-store");
        if (c.status == 200 && c.path == "/status") continue;  // a page
        bool const refused = c.status >= 400 && c.status != 503;
        EXPECT_EQ(answer->content_type, refused ? "application/problem+json" : "application/json");
        EXPECT_EQ(field(*answer, "Allow"),
                  c.status == 405 ? std::optional<std::string>{"GET, HEAD"} : std::nullopt);
        EXPECT_TRUE(json::parse(answer->content).contains("status"));
    }
}

TEST(AdminEndpoints, HealthzNeverDependsOnUpstreams) {
    Endpoints const endpoints{"secret", true};
    State state = untouchable();
    for (bool const draining : {false, true}) {
        state.draining = draining;
        auto const answer = answer_of(endpoints, {Method::get, "/healthz", {}, {}}, state);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 200U);
        EXPECT_EQ(json::parse(answer->content), (json{{"status", "ok"}}));
    }
}

TEST(AdminEndpoints, HealthzOfTheUpstreamListsEveryEndpoint) {
    Endpoints const& endpoints = kOpenToAll;
    Endpoints::Request const request{Method::get, "/healthz", "check=upstream", {}};
    auto const some = answer_of(endpoints, request, state_of({kOpen, kEligible}));
    ASSERT_TRUE(some);
    EXPECT_EQ(some->status, 200U);
    EXPECT_EQ(json::parse(some->content), json::parse(R"({"status":"ok","upstreams":[
        {"url":"http://10.0.0.2:80/x","upstream":"10.0.0.2:80/x","healthy":false,
         "breaker":"open","eligible":false},
        {"url":"http://10.0.0.1:80","upstream":"10.0.0.1:80","healthy":true,
         "breaker":"closed","eligible":true}]})"));
    auto const none = answer_of(endpoints, request, state_of({kOpen}));
    ASSERT_TRUE(none);
    EXPECT_EQ(none->status, 503U);
    EXPECT_EQ(json::parse(none->content).at("status"), "unavailable");
    EXPECT_EQ(json::parse(none->content).at("upstreams").size(), 1U);
    auto const empty = answer_of(endpoints, request, state_of({}));
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->status, 503U);
    EXPECT_EQ(json::parse(empty->content).at("upstreams"), json::array());
}

TEST(AdminEndpoints, OnlyTheExactQueryAsksForUpstreams) {
    Endpoints const& endpoints = kOpenToAll;
    State const state = state_of({});
    auto const asks = [&](std::string_view query) {
        auto const answer = answer_of(endpoints, {Method::get, "/healthz", query, {}}, state);
        return answer && answer->status == 503;
    };
    for (std::string_view const query :
         {"check=upstream", "a=b&check=upstream", "check=upstream&a", "&&check=upstream&"})
        EXPECT_TRUE(asks(query)) << query;
    for (std::string_view const query : {"", "&", "check", "check=", "check=upstreams",
                                         "xcheck=upstream", "check=Upstream", "check=x&=upstream"})
        EXPECT_FALSE(asks(query)) << query;
}

TEST(AdminEndpoints, ReadyWhileAnEndpointIsEligibleAndNothingDrains) {
    struct Case {
        std::vector<EndpointStatus> list;
        bool draining;
        unsigned status;
        std::string_view text;
    };
    Endpoints const& endpoints = kOpenToAll;
    for (Case const& c : std::initializer_list<Case>{{{kOpen, kEligible}, false, 200, "ready"},
                                                     {{kOpen}, false, 503, "no_upstream"},
                                                     {{}, false, 503, "no_upstream"},
                                                     {{kEligible}, true, 503, "draining"},
                                                     {{kOpen}, true, 503, "draining"}}) {
        auto const answer =
            answer_of(endpoints, {Method::get, "/readyz", {}, {}}, state_of(c.list, c.draining));
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, c.status);
        EXPECT_EQ(json::parse(answer->content), (json{{"status", c.text}}));
    }
}

TEST(AdminEndpoints, MetricsWantTheTokenWhereThereIsOne) {
    std::string const token = "s3cret-token";
    struct Case {
        std::string authorization;
        bool allowed;
    };
    Endpoints const guarded{token, true};
    Endpoints const& open = kOpenToAll;
    for (Case const& c : std::initializer_list<Case>{{"Bearer " + token, true},
                                                     {"bearer " + token, true},
                                                     {"BEARER " + token, true},
                                                     {"", false},
                                                     {"Bearer", false},
                                                     {"Bearer ", false},
                                                     {token, false},
                                                     {"Basic " + token, false},
                                                     {"Bearer" + token, false},
                                                     {"Bearer  " + token, false},
                                                     {"Bearer " + token + " ", false},
                                                     {"Bearer s3cret-tokeN", false},
                                                     {"Bearer S3cret-token", false}}) {
        for (Method const method : {Method::get, Method::head}) {
            Endpoints::Request const request{method, "/metrics", {}, c.authorization};
            auto const answer = answer_of(guarded, request, untouchable());
            EXPECT_EQ(!answer, c.allowed) << c.authorization;
            if (answer) {
                EXPECT_EQ(answer->status, 401U);
                EXPECT_EQ(field(*answer, "WWW-Authenticate"), "Bearer realm=\"metrics\"");
                EXPECT_EQ(answer->content.find(token), std::string::npos);
            }
            EXPECT_FALSE(answer_of(open, request, untouchable())) << "open without a token";
        }
    }
}

TEST(AdminEndpoints, EveryWrongLengthOfATokenIsRefused) {
    std::string const token = "0123456789abcdef";
    Endpoints const guarded{token, true};
    for (std::size_t size = 0; size <= 3 * token.size(); ++size) {
        std::string const offered = "Bearer " + (token + token + token).substr(0, size);
        EXPECT_EQ(!answer_of(guarded, {Method::get, "/metrics", {}, offered}, untouchable()),
                  size == token.size())
            << size;
    }
}

TEST(AdminEndpoints, TheTokenGuardsMetricsAlone) {
    Endpoints const guarded{"secret", true};
    for (std::string_view const path : {"/healthz", "/readyz"}) {
        auto const answer = answer_of(guarded, {Method::get, path, {}, {}}, state_of({kEligible}));
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 200U);
    }
    auto const refused = answer_of(guarded, {Method::post, "/metrics", {}, {}}, untouchable());
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 405U);
}

TEST(AdminEndpoints, BytesThatAreNoTextDoNotBreakTheAnswer) {
    EndpointStatus odd = kEligible;
    odd.url = "http://\xff\"\n";
    auto const answer =
        answer_of(kOpenToAll, {Method::get, "/healthz", "check=upstream", {}}, state_of({odd}));
    ASSERT_TRUE(answer);
    EXPECT_EQ(json::parse(answer->content).at("upstreams").size(), 1U);
}

TEST(AdminEndpoints, WhatIsRenderedHasItsType) {
    LocalResponse const metrics = Endpoints::rendered(Report::metrics, "up 1\n");
    EXPECT_EQ(metrics.status, 200U);
    EXPECT_EQ(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(metrics.content, "up 1\n");
    LocalResponse const status = Endpoints::rendered(Report::status, "{}");
    EXPECT_EQ(status.status, 200U);
    EXPECT_EQ(status.content_type, "application/json");
    EXPECT_EQ(status.content, "{}");
    EXPECT_EQ(field(status, "Cache-Control"), "no-store");
    EXPECT_EQ(field(status, "X-Content-Type-Options"), "nosniff");
}

TEST(AdminEndpoints, TheStatusPageIsOpenAndItsFiguresAreNot) {
    Endpoints const guarded{"secret", true};
    auto const page = answer_of(guarded, {Method::get, "/status", {}, {}}, untouchable());
    ASSERT_TRUE(page);
    EXPECT_EQ(page->status, 200U);
    EXPECT_NE(page->content.find("<html data-token=\"wanted\""), std::string::npos);
    EXPECT_EQ(page->content.find("secret"), std::string::npos);
    auto const refused = answer_of(guarded, {Method::get, "/status.json", {}, {}}, untouchable());
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 401U);
    EXPECT_FALSE(
        answer_of(guarded, {Method::get, "/status.json", {}, "Bearer secret"}, untouchable()));
    auto const open = answer_of(kOpenToAll, {Method::get, "/status", {}, {}}, untouchable());
    ASSERT_TRUE(open);
    EXPECT_EQ(open->content.find("data-token"), std::string::npos);
}

TEST(AdminEndpoints, TheStatusPageAllowsItsOwnStyleAndScriptAlone) {
    auto const page = answer_of(kOpenToAll, {Method::get, "/status", {}, {}}, untouchable());
    ASSERT_TRUE(page);
    EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
    std::string const policy = field(*page, "Content-Security-Policy").value_or("");
    for (std::string_view const part :
         {"default-src 'none';", "script-src 'sha256-", "style-src 'sha256-", "connect-src 'self';",
          "frame-ancestors 'none';", "base-uri 'none';", "form-action 'none';"})
        EXPECT_NE(policy.find(part), std::string::npos) << part << " in " << policy;
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(field(*page, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(field(*page, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(field(*page, "Cache-Control"), "no-store");
    // Neither may end early, or what follows it would be neither style nor script.
    for (std::string_view const tag : {"<style>", "</style>", "<script>", "</script>"}) {
        auto const first = page->content.find(tag);
        ASSERT_NE(first, std::string::npos) << tag;
        EXPECT_EQ(page->content.find(tag, first + 1), std::string::npos) << tag;
    }
}
