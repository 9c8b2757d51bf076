#include "telemetry/otlp_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

using namespace reverse_proxy;
using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

constexpr std::string_view kTraceId = "0af7651916cd43dd8448eb211c80319c";

Span request() {
    Span span;
    span.method = http::Method::get;
    span.status = 200;
    span.started = core::TimePoint{} + 5s;
    span.ended = core::TimePoint{} + 7s;
    span.trace_id = kTraceId;
    span.span_id = "b7ad6b7169203331";
    span.method_text = "GET";
    span.target = "/a/b";
    span.server = "shop.example";
    span.address = "192.0.2.1";
    span.scheme = "https";
    return span;
}

Span attempt() {
    Span span = request();
    span.kind = Span::Kind::client;
    span.parent_id = "00f067aa0ba902b7";
    span.server = "http://origin.example:9000/prefix";
    span.address = "origin.example:9000/prefix@10.0.0.7";
    span.scheme = {};
    return span;
}

Json json_of(Span const& span) {
    Json const json = Json::parse(otlp_json({span}, {"1.2.3", "an-id"}, 1'000'000s));
    return json.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").at(0);
}

/// The attribute's value as JSON text, `"x"` or `{"intValue":"1"}`'s digits alone; "" for none.
std::string attribute(Json const& span, std::string_view key) {
    std::string found;
    for (Json const& item : span.at("attributes")) {
        if (item.at("key") != key) continue;
        Json const& value = item.at("value");
        EXPECT_EQ(value.size(), 1U) << item;
        EXPECT_EQ(found, "") << "twice: " << key;
        found = value.contains("intValue") ? "#" + value.at("intValue").get<std::string>()
                                           : value.at("stringValue").get<std::string>();
    }
    return found;
}

std::string attribute(Span const& span, std::string_view key) {
    return attribute(json_of(span), key);
}

}  // namespace

TEST(OtlpJson, NamesTheServiceOnceForAllSpans) {
    Json const json = Json::parse(otlp_json({request(), attempt()}, {"1.2.3", "an-id"}, 0s));
    Json const& of_resource = json.at("resourceSpans").at(0);
    EXPECT_EQ(json.size(), 1U);
    EXPECT_EQ(of_resource.at("resource").dump(),
              R"({"attributes":[)"
              R"({"key":"service.name","value":{"stringValue":"reverse-proxy"}},)"
              R"({"key":"service.version","value":{"stringValue":"1.2.3"}},)"
              R"({"key":"service.instance.id","value":{"stringValue":"an-id"}}]})");
    EXPECT_EQ(of_resource.at("scopeSpans").size(), 1U);
    EXPECT_EQ(of_resource.at("scopeSpans").at(0).at("spans").size(), 2U);
}

TEST(OtlpJson, EncodesIdsNumbersAndEnumsAsTheProtocolWants) {
    Json const span = json_of(attempt());
    EXPECT_EQ(span.at("traceId"), kTraceId);
    EXPECT_EQ(span.at("spanId"), "b7ad6b7169203331");
    EXPECT_EQ(span.at("parentSpanId"), "00f067aa0ba902b7");
    EXPECT_EQ(span.at("kind").dump(), "3");
    EXPECT_EQ(span.at("flags").dump(), "257");
    EXPECT_EQ(span.at("startTimeUnixNano").dump(), "\"1000005000000000\"");
    EXPECT_EQ(span.at("endTimeUnixNano").dump(), "\"1000007000000000\"");
    EXPECT_EQ(attribute(span, "http.response.status_code"), "#200");

    Json const root = json_of(request());
    EXPECT_EQ(root.at("kind").dump(), "2");
    EXPECT_FALSE(root.contains("parentSpanId"));
    EXPECT_FALSE(root.contains("status"));
    Span child = request();
    child.parent_id = "00f067aa0ba902b7";
    child.remote_parent = true;
    EXPECT_EQ(json_of(child).at("flags").dump(), "769");
}

TEST(OtlpJson, SaysOfARequestWhatTheConventionsWant) {
    Span span = request();
    span.target = "/a/b?c=d?e";
    span.minor_version = 0;
    span.user_agent = "tests/1";
    Json const json = json_of(span);
    EXPECT_EQ(json.at("name"), "GET");
    EXPECT_EQ(attribute(json, "http.request.method"), "GET");
    EXPECT_EQ(attribute(json, "url.path"), "/a/b");
    EXPECT_EQ(attribute(json, "url.query"), "c=d?e");
    EXPECT_EQ(attribute(json, "url.scheme"), "https");
    EXPECT_EQ(attribute(json, "server.address"), "shop.example");
    EXPECT_EQ(attribute(json, "server.port"), "#443");
    EXPECT_EQ(attribute(json, "client.address"), "192.0.2.1");
    EXPECT_EQ(attribute(json, "network.protocol.version"), "1.0");
    EXPECT_EQ(attribute(json, "user_agent.original"), "tests/1");
    EXPECT_EQ(attribute(json, "url.full"), "");
}

TEST(OtlpJson, SaysOfAnAttemptWhatTheConventionsWant) {
    Span span = attempt();
    span.resend_count = 2;
    Json const json = json_of(span);
    EXPECT_EQ(attribute(json, "url.full"), "http://origin.example:9000/prefix/a/b");
    EXPECT_EQ(attribute(json, "server.address"), "origin.example");
    EXPECT_EQ(attribute(json, "server.port"), "#9000");
    EXPECT_EQ(attribute(json, "network.peer.address"), "10.0.0.7");
    EXPECT_EQ(attribute(json, "http.request.resend_count"), "#2");
    EXPECT_EQ(attribute(json, "url.path"), "");
    EXPECT_EQ(attribute(attempt(), "http.request.resend_count"), "");
}

TEST(OtlpJson, TakesAuthoritiesApart) {
    struct Row {
        std::string_view authority, address, port;
    };
    constexpr Row kRows[] = {
        {"h", "h", "#443"},
        {"h:1", "h", "#1"},
        {"[::1]", "::1", "#443"},
        {"[2001:db8::1]:8443", "2001:db8::1", "#8443"},
        {"192.0.2.1:", "192.0.2.1", "#443"},
        {"user:s3cr3t@h:1", "h", "#1"},
        {"", "", ""},
    };
    for (Row const& row : kRows) {
        Span span = request();
        span.server = row.authority;
        EXPECT_EQ(attribute(span, "server.address"), row.address) << row.authority;
        EXPECT_EQ(attribute(span, "server.port"), row.port) << row.authority;
    }
    Span v6 = attempt();
    v6.server = "http://[::1]";
    v6.address = "[::1]:80";
    EXPECT_EQ(attribute(v6, "server.address"), "::1");
    EXPECT_EQ(attribute(v6, "server.port"), "#80");
    EXPECT_EQ(attribute(v6, "network.peer.address"), "::1");
    EXPECT_EQ(attribute(v6, "url.full"), "http://[::1]/a/b");
}

TEST(OtlpJson, TellsErrorsOfServerAndClientApart) {
    struct Row {
        Span::Kind kind;
        unsigned status;
        std::string_view error, type;
    };
    constexpr auto kServer = Span::Kind::server;
    constexpr auto kClient = Span::Kind::client;
    constexpr Row kRows[] = {
        {kServer, 200, "", ""},
        {kServer, 404, "", ""},
        {kServer, 503, "", "503"},
        {kServer, 502, "connection_refused", "connection_refused"},
        {kServer, 200, "http_response_incomplete", "http_response_incomplete"},
        {kServer, 0, "client_gone", "client_gone"},
        {kServer, 408, "http_request_error", ""},
        {kClient, 302, "", ""},
        {kClient, 404, "", "404"},
        {kClient, 500, "", "500"},
        {kClient, 0, "connection_terminated", "connection_terminated"},
    };
    for (Row const& row : kRows) {
        Span span = row.kind == kServer ? request() : attempt();
        span.status = static_cast<std::uint16_t>(row.status);
        span.error = row.error;
        Json const json = json_of(span);
        EXPECT_EQ(attribute(json, "error.type"), row.type) << row.status << row.error;
        EXPECT_EQ(json.contains("status"), !row.type.empty());
        if (json.contains("status")) {
            EXPECT_EQ(json.at("status").dump(), R"({"code":2})");
        }
        EXPECT_EQ(attribute(json, "http.response.status_code").empty(), row.status == 0);
    }
}

TEST(OtlpJson, KeepsNamesFewAndTextsUtf8) {
    Span span = request();
    span.method = http::Method::other;
    span.method_text = "BREW";
    span.user_agent = "a\xff\xc3";
    Json const json = json_of(span);
    EXPECT_EQ(json.at("name"), "HTTP");
    EXPECT_EQ(attribute(json, "http.request.method"), "_OTHER");
    EXPECT_EQ(attribute(json, "http.request.method_original"), "BREW");
    EXPECT_EQ(attribute(json, "user_agent.original"), "a\xef\xbf\xbd\xef\xbf\xbd");
    span.address = "unix:";
    EXPECT_EQ(attribute(span, "client.address"), "");
}
