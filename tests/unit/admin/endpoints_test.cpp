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
    for (std::string_view const path : {"/healthz", "/readyz", "/metrics"})
        EXPECT_TRUE(is_admin_path(path));
    for (std::string_view const path :
         {"", "/", "/healthz/", "/Healthz", "/healthzz", "healthz", "/metrics/x", "/ready"})
        EXPECT_FALSE(is_admin_path(path)) << path;
}

TEST(AdminEndpoints, StatusByMethodAndPath) {
    struct Case {
        Method method;
        std::string_view path;
        std::string_view query;
        unsigned status;  // 0: the exposition is to be rendered
    };
    Endpoints const endpoints{""};
    State const state = state_of({kEligible});
    for (Case const& c :
         std::initializer_list<Case>{{Method::get, "/healthz", "", 200},
                                     {Method::head, "/healthz", "", 200},
                                     {Method::get, "/healthz", "check=upstream", 200},
                                     {Method::get, "/readyz", "", 200},
                                     {Method::head, "/readyz", "x=y", 200},
                                     {Method::get, "/metrics", "", 0},
                                     {Method::head, "/metrics", "name[]=x", 0},
                                     {Method::post, "/healthz", "", 405},
                                     {Method::put, "/readyz", "", 405},
                                     {Method::delete_, "/metrics", "", 405},
                                     {Method::options, "/healthz", "", 405},
                                     {Method::trace, "/healthz", "", 405},
                                     {Method::other, "/metrics", "", 405},
                                     {Method::get, "/", "", 404},
                                     {Method::post, "/", "", 404},
                                     {Method::get, "/healthz/", "", 404}}) {
        auto const answer = endpoints.answer({c.method, c.path, c.query, {}}, state);
        EXPECT_EQ(answer ? answer->status : 0, c.status) << c.path << ' ' << int(c.method);
        if (!answer) continue;
        EXPECT_EQ(answer->content_type, "application/json");
        EXPECT_EQ(field(*answer, "Cache-Control"), "no-store");
        EXPECT_EQ(field(*answer, "Allow"),
                  c.status == 405 ? std::optional<std::string>{"GET, HEAD"} : std::nullopt);
        EXPECT_TRUE(json::parse(answer->content).contains("status"));
    }
}

TEST(AdminEndpoints, HealthzNeverDependsOnUpstreams) {
    Endpoints const endpoints{"secret"};
    State state = untouchable();
    for (bool const draining : {false, true}) {
        state.draining = draining;
        auto const answer = endpoints.answer({Method::get, "/healthz", {}, {}}, state);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 200U);
        EXPECT_EQ(json::parse(answer->content), (json{{"status", "ok"}}));
    }
}

TEST(AdminEndpoints, HealthzOfTheUpstreamListsEveryEndpoint) {
    Endpoints const endpoints{""};
    Endpoints::Request const request{Method::get, "/healthz", "check=upstream", {}};
    auto const some = endpoints.answer(request, state_of({kOpen, kEligible}));
    ASSERT_TRUE(some);
    EXPECT_EQ(some->status, 200U);
    EXPECT_EQ(json::parse(some->content), json::parse(R"({"status":"ok","upstreams":[
        {"url":"http://10.0.0.2:80/x","upstream":"10.0.0.2:80/x","healthy":false,
         "breaker":"open","eligible":false},
        {"url":"http://10.0.0.1:80","upstream":"10.0.0.1:80","healthy":true,
         "breaker":"closed","eligible":true}]})"));
    auto const none = endpoints.answer(request, state_of({kOpen}));
    ASSERT_TRUE(none);
    EXPECT_EQ(none->status, 503U);
    EXPECT_EQ(json::parse(none->content).at("status"), "unavailable");
    EXPECT_EQ(json::parse(none->content).at("upstreams").size(), 1U);
    auto const empty = endpoints.answer(request, state_of({}));
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->status, 503U);
    EXPECT_EQ(json::parse(empty->content).at("upstreams"), json::array());
}

TEST(AdminEndpoints, OnlyTheExactQueryAsksForUpstreams) {
    Endpoints const endpoints{""};
    State const state = state_of({});
    auto const asks = [&](std::string_view query) {
        auto const answer = endpoints.answer({Method::get, "/healthz", query, {}}, state);
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
    Endpoints const endpoints{""};
    for (Case const& c : std::initializer_list<Case>{{{kOpen, kEligible}, false, 200, "ready"},
                                                     {{kOpen}, false, 503, "no_upstream"},
                                                     {{}, false, 503, "no_upstream"},
                                                     {{kEligible}, true, 503, "draining"},
                                                     {{kOpen}, true, 503, "draining"}}) {
        auto const answer =
            endpoints.answer({Method::get, "/readyz", {}, {}}, state_of(c.list, c.draining));
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
    Endpoints const guarded{token};
    Endpoints const open{""};
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
            auto const answer = guarded.answer(request, untouchable());
            EXPECT_EQ(!answer, c.allowed) << c.authorization;
            if (answer) {
                EXPECT_EQ(answer->status, 401U);
                EXPECT_EQ(field(*answer, "WWW-Authenticate"), "Bearer realm=\"metrics\"");
                EXPECT_EQ(answer->content.find(token), std::string::npos);
            }
            EXPECT_FALSE(open.answer(request, untouchable())) << "open without a token";
        }
    }
}

TEST(AdminEndpoints, EveryWrongLengthOfATokenIsRefused) {
    std::string const token = "0123456789abcdef";
    Endpoints const guarded{token};
    for (std::size_t size = 0; size <= 3 * token.size(); ++size) {
        std::string const offered = "Bearer " + (token + token + token).substr(0, size);
        EXPECT_EQ(!guarded.answer({Method::get, "/metrics", {}, offered}, untouchable()),
                  size == token.size())
            << size;
    }
}

TEST(AdminEndpoints, TheTokenGuardsMetricsAlone) {
    Endpoints const guarded{"secret"};
    for (std::string_view const path : {"/healthz", "/readyz"}) {
        auto const answer = guarded.answer({Method::get, path, {}, {}}, state_of({kEligible}));
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 200U);
    }
    auto const refused = guarded.answer({Method::post, "/metrics", {}, {}}, untouchable());
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 405U);
}

TEST(AdminEndpoints, BytesThatAreNoTextDoNotBreakTheAnswer) {
    EndpointStatus odd = kEligible;
    odd.url = "http://\xff\"\n";
    auto const answer =
        Endpoints{""}.answer({Method::get, "/healthz", "check=upstream", {}}, state_of({odd}));
    ASSERT_TRUE(answer);
    EXPECT_EQ(json::parse(answer->content).at("upstreams").size(), 1U);
}

TEST(AdminEndpoints, ExpositionIsTextFormat) {
    LocalResponse const response = Endpoints::metrics("up 1\n");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(response.content, "up 1\n");
}
