#include "reverse_proxy/http/encode.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/modifiers/request_modifiers.hpp"
#include "reverse_proxy/modifiers/response_modifiers.hpp"
#include "reverse_proxy/upstream/encoded_request.hpp"
#include "tests/bench/cases.hpp"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace reverse_proxy::bench {

namespace {

constexpr http::HeadLimits kLimits{65'536, 128};

std::string const kSmallRequest = "GET /index.html HTTP/1.1\r\n"
                                  "Host: www.example.org\r\n"
                                  "User-Agent: load/1.0\r\n"
                                  "Accept: */*\r\n\r\n";

std::string const kBrowserRequest =
    "GET /catalogue/shoes?size=42&colour=blue HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,fr;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.org/catalogue?from=start&campaign=autumn\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; "
    "theme=light\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-User: ?1\r\n"
    "DNT: 1\r\n"
    "Cache-Control: max-age=0\r\n\r\n";

std::string const kResponse = "HTTP/1.1 200 OK\r\n"
                              "Server: nginx/1.22.1\r\n"
                              "Date: Tue, 24 Nov 2026 12:00:00 GMT\r\n"
                              "Content-Type: text/html; charset=utf-8\r\n"
                              "Content-Length: 1024\r\n"
                              "Connection: keep-alive\r\n"
                              "ETag: \"65f1a2b3-400\"\r\n"
                              "Accept-Ranges: bytes\r\n\r\n";

void must(bool sound) {
    if (!sound) std::abort();
}

Case parse_request_case(std::string name, std::string const& bytes) {
    return {"parse_request/" + std::move(name),
            [&bytes, head = std::make_shared<http::RequestHead>()] {
                head->clear();
                auto const size = http::parse_request_head(bytes, kLimits, *head);
                must(size.has_value() && *size == bytes.size());
                benchmark::DoNotOptimize(head->fields.parsed().data());
            }};
}

/// From a parsed head to the bytes for the endpoint; parsing, which fills the table anew, included.
struct RequestComposer {
    explicit RequestComposer(std::string const& bytes_) : bytes{bytes_} {
        endpoint.authority = "10.0.0.7:9000";
        peer.address = boost::asio::ip::make_address("192.0.2.10");
        peer.text = "192.0.2.10";
    }
    void compose() {
        head.clear();
        must(http::parse_request_head(bytes, kLimits, head).has_value());
        auto const target = http::parse_target(head.method, head.target);
        must(target.has_value());
        modifiers::modify_request(head, *target, peer, trusted, random, facts);
        upstream::EncodedRequest const encoded{head, *target, {}, scratch, pool};
        text.clear();
        encoded.write(text, endpoint);
        benchmark::DoNotOptimize(text.data());
    }
    std::string const& bytes;
    http::RequestHead head;
    modifiers::Peer peer;
    modifiers::TrustedProxies trusted;
    core::Random random{1};
    modifiers::RequestFacts facts;
    core::Text scratch;
    core::BufferPool pool;
    balancing::Endpoint endpoint{{}, 1U};
    core::Text text;
};

/// The same for the response to the client; the status line as the client's connection writes it.
struct ResponseComposer {
    void compose() {
        head.clear();
        must(http::parse_response_head(kResponse, kLimits, head).has_value());
        modifiers::modify_response(
            head, {"4bf92f3577b34da6a3ce929d0e0e4736", "Tue, 24 Nov 2026 12:00:00 GMT", nullptr});
        text.clear();
        text.append("HTTP/1.1 ");
        http::append_number(text, head.status);
        text.append(" ", head.reason_phrase, "\r\n");
        http::append_fields(text, head.fields);
        text.append("\r\n");
        benchmark::DoNotOptimize(text.data());
    }
    http::ResponseHead head;
    core::Text text;
};

Case compose_request_case(std::string name, std::string const& bytes) {
    return {"compose_request/" + std::move(name),
            [state = std::make_shared<RequestComposer>(bytes)] { state->compose(); }};
}

}  // namespace

std::vector<Case> http_cases() {
    return {
        parse_request_case("small", kSmallRequest),
        parse_request_case("browser", kBrowserRequest),
        {"parse_response",
         [head = std::make_shared<http::ResponseHead>()] {
             head->clear();
             auto const size = http::parse_response_head(kResponse, kLimits, *head);
             must(size.has_value() && *size == kResponse.size());
             benchmark::DoNotOptimize(head->fields.parsed().data());
         }},
        compose_request_case("small", kSmallRequest),
        compose_request_case("browser", kBrowserRequest),
        {"compose_response", [state = std::make_shared<ResponseComposer>()] { state->compose(); }}};
}

}  // namespace reverse_proxy::bench
