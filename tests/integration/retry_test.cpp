// What is tried again, where, and how often (contract, section 4).
#include "tests/support/pattern.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

void no_breaker(config::Settings& settings) {
    settings.breaker.enabled = false;
    settings.retry.budget_percent = 100;
}

/// One endpoint that fails as told and one that answers.
struct Pair {
    FaultOrigin bad{{.name = "bad"}};
    FaultOrigin good{{.name = "good"}};
    ProxyFixture proxy;

    explicit Pair(std::string const& fault, ProxyFixture::Adjust const& adjust = no_breaker)
        : proxy{{upstream_at(bad), upstream_at(good)}, adjust} {
        bad.always(fault);
        good.always("echo");
    }
    [[nodiscard]] std::size_t tried() const {
        return bad.requests().size() + good.requests().size();
    }
};

TEST(Retry, AConnectFailureForAnyMethod) {
    FaultOrigin good;
    RefusingPort const refusing;
    ProxyFixture proxy{{upstream_at("127.0.0.1", refusing.port()), upstream_at(good)}, no_breaker};
    for (int i = 0; i < 10; ++i) {
        for (auto const* method : {"GET", "POST", "PATCH"}) {
            EXPECT_EQ(proxy.send(make_request(method, "/", {}, "content")).status, 200U) << method;
        }
    }
    EXPECT_EQ(good.requests().size(), 30U);
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_retries_total", {{"reason", "connect"}}, 15));
}

TEST(Retry, AConnectFailureForStreamedContent) {
    FaultOrigin good;
    RefusingPort const refusing;
    ProxyFixture proxy{{upstream_at("127.0.0.1", refusing.port()), upstream_at(good)}, no_breaker};
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(proxy.send(make_request("POST", "/", {}, pattern(0, 300'000))).status, 200U);
        EXPECT_TRUE(good.await_request(i).content_is_pattern);
        EXPECT_EQ(good.await_request(i).content_bytes, 300'000U);
    }
}

class IdempotentRetry : public ::testing::TestWithParam<std::string> {};

TEST_P(IdempotentRetry, GoesToTheOtherEndpoint) {
    Pair pair{GetParam(), [](config::Settings& s) {
                  no_breaker(s);
                  s.upstream.attempt_timeout = milliseconds{1000};
              }};
    for (int i = 0; i < 4; ++i) {
        auto const response = pair.proxy.send(make_request("PUT", "/", {}, pattern(0, 60'000)));
        EXPECT_EQ(response.status, 200U);
        EXPECT_EQ(response.field("X-Origin"), "good");
        EXPECT_TRUE(response.content == pattern(0, 60'000)) << "content was not sent again whole";
    }
    EXPECT_EQ(pair.bad.requests().size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Retry, IdempotentRetry,
                         ::testing::Values("reset_before_head", "close_before_head",
                                           "close_in_head", "stall", "status=502", "status=503",
                                           "status=504"),
                         [](auto const& tested) {
                             auto name = tested.param;
                             for (char& c : name)
                                 c = c == '=' ? '_' : c;
                             return name;
                         });

class PostRetry : public ::testing::TestWithParam<std::string> {};

TEST_P(PostRetry, IsNotMadeOnceTheRequestWasSent) {
    Pair pair{GetParam()};
    int failed = 0;
    for (int i = 0; i < 4; ++i) {
        auto const response = pair.proxy.send(make_request("POST", "/", {}, "content"));
        failed += response.status >= 500 ? 1 : 0;
    }
    EXPECT_EQ(failed, 2);
    EXPECT_EQ(pair.tried(), 4U);
}

INSTANTIATE_TEST_SUITE_P(Retry, PostRetry,
                         ::testing::Values("reset_before_head", "close_before_head", "status=503"),
                         [](auto const& tested) {
                             auto name = tested.param;
                             for (char& c : name)
                                 c = c == '=' ? '_' : c;
                             return name;
                         });

TEST(Retry, OtherAnswersAreNotRetried) {
    for (std::string const status : {"500", "404", "429"}) {
        Pair pair{"status=" + status};
        for (int i = 0; i < 4; ++i)
            pair.proxy.get("/");
        EXPECT_EQ(pair.tried(), 4U) << status;
    }
}

// A copy is kept while the content is not over STREAM_THRESHOLD_BYTES.
TEST(Retry, StreamedContentUpToTheThresholdIsSentAgain) {
    Pair pair{"reset_before_head"};
    auto const request = make_request("PUT", "/", {{"Transfer-Encoding", "chunked"}}) +
                         chunked({pattern(0, 30'000), pattern(30'000, 30'000)});
    for (int i = 0; i < 4; ++i) {
        auto const response = pair.proxy.send(request);
        EXPECT_EQ(response.status, 200U);
        EXPECT_TRUE(response.content == pattern(0, 60'000));
    }
    EXPECT_EQ(pair.bad.requests().size(), 2U);
}

TEST(Retry, StreamedContentPastTheThresholdIsNot) {
    Pair pair{"reset_before_head"};
    int failed = 0;
    for (int i = 0; i < 4; ++i) {
        auto const response = pair.proxy.send(make_request("PUT", "/", {}, pattern(0, 200'000)));
        failed += response.status == 502U ? 1 : 0;
    }
    EXPECT_EQ(failed, 2);
    EXPECT_EQ(pair.tried(), 4U);
}

TEST(Retry, NothingIsRetriedOnceAByteWentToTheClient) {
    Pair pair{"interim=103; reset_before_head"};
    int failed = 0;
    for (int i = 0; i < 4; ++i) {
        auto const response = pair.proxy.get("/");
        failed += response.status == 502U ? 1 : 0;
        EXPECT_EQ(response.interim.size(), response.status == 502U ? 1U : 0U);
    }
    EXPECT_EQ(failed, 2);
    EXPECT_EQ(pair.tried(), 4U);
}

// It never sees them (RFC 9110, 15.2).
TEST(Retry, InterimResponsesKeepNothingFromAClientOfHttp10) {
    Pair pair{"interim=103; reset_before_head"};
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(pair.proxy.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").status, 200U);
    EXPECT_EQ(pair.bad.requests().size(), 2U);
}

TEST(Retry, TheLastAnswerGoesOutWhenTheyRunOut) {
    FaultOrigin origin;
    origin.always("status=503; text=maintenance; extra=Retry-After:0");
    ProxyFixture proxy{origin, no_breaker};
    auto const response = proxy.get("/");
    EXPECT_EQ(response.status, 503U);
    EXPECT_EQ(response.content, "maintenance");
    EXPECT_EQ(origin.requests().size(), 3U);  // RETRY_MAX_ATTEMPTS
}

// Some attempts fail while the breaker is still closed and wait for their retry; the others open it
// meanwhile. Nobody is left to ask then, and the origin's answer, not ours, is the last one.
TEST(Retry, AnAnswerIsNotLostToABreakerThatOpensMeanwhile) {
    for (std::string const content : {"text=maintenance", "size=300000"}) {
        FaultOrigin origin;
        origin.always("gate=all; status=503; extra=X-From:origin; " + content);
        ProxyFixture proxy{origin, [](config::Settings& s) {
                               s.retry.backoff_base = milliseconds{300};
                               s.retry.backoff_max = milliseconds{300};
                               s.breaker.failure_threshold = 5;
                               s.breaker.open_duration = milliseconds{600'000};
                           }};
        std::vector<RawClient> clients;
        constexpr std::size_t kClients = 12;
        for (std::size_t i = 0; i < kClients; ++i) {
            clients.push_back(proxy.client());
            clients.back().send(make_request("GET", "/"));
        }
        ASSERT_TRUE(origin.wait_at_gate("all", kClients));
        origin.release("all");
        for (auto& client : clients) {
            auto const response = client.read_response();
            EXPECT_EQ(response.status, 503U);
            EXPECT_EQ(response.field("X-From"), "origin");
            EXPECT_FALSE(response.has("Proxy-Status"));
            EXPECT_EQ(response.content,
                      content[0] == 't' ? std::string{"maintenance"} : pattern(0, 300'000));
        }
        EXPECT_GE(proxy.metric("reverse_proxy_retries_total"), 1) << "nothing waited";
        EXPECT_EQ(proxy.metric("reverse_proxy_failures_total"), 0);
        EXPECT_EQ(proxy.get("/").field("Proxy-Status"),
                  "reverse-proxy; error=destination_unavailable");
    }
}

// All that were connecting to it when it died fail together, more than the budget holds. Those whom
// the open breaker has overtaken go elsewhere as if they had been chosen for a moment later.
TEST(Retry, ABurstOfConnectFailuresIsHiddenWhateverTheBudget) {
    SilentPort const dead;
    FaultOrigin good;
    ProxyFixture proxy{{upstream_at("127.0.0.1", dead.port()), upstream_at(good)},
                       [](config::Settings& s) {
                           s.upstream.connect_timeout = milliseconds{1500};
                           s.breaker.open_duration = milliseconds{600'000};
                           s.retry.budget_percent = 1;
                       }};
    std::vector<RawClient> clients;
    for (int i = 0; i < 80; ++i) {
        clients.push_back(proxy.client());
        clients.back().send(make_request("POST", "/", {}, "content"));
    }
    for (auto& client : clients)
        EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_EQ(good.request_count(), 80U);
    EXPECT_EQ(proxy.metric("reverse_proxy_attempts_total", {{"outcome", "connect_timeout"}}), 40);
    EXPECT_EQ(proxy.metric("reverse_proxy_retries_total", {{"reason", "connect"}}), 40);
    EXPECT_EQ(proxy.metric("reverse_proxy_retry_budget_exhausted_total"), 0);
}

// No retries means none, the free ones included.
TEST(Retry, ABudgetOfNothingIsKeptInABurst) {
    SilentPort const dead;
    FaultOrigin good;
    ProxyFixture proxy{{upstream_at("127.0.0.1", dead.port()), upstream_at(good)},
                       [](config::Settings& s) {
                           s.upstream.connect_timeout = milliseconds{500};
                           s.breaker.open_duration = milliseconds{600'000};
                           s.retry.budget_percent = 0;
                       }};
    std::vector<RawClient> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(proxy.client());
        clients.back().send(make_request("GET", "/"));
    }
    std::size_t served = 0;
    for (auto& client : clients)
        served += client.read_response().status == 200U ? 1 : 0;
    EXPECT_EQ(served, good.request_count());
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_attempts_total", {}, 20));
    EXPECT_EQ(proxy.metric("reverse_proxy_attempts_total"), 20);
}

TEST(Retry, ARetryAfterLongerThanTheTimeLeftEndsThem) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, no_breaker};  // REQUEST_TIMEOUT_MS is 30 s
    auto const late = proxy.get_with_fault("status=503; text=later; extra=Retry-After:31");
    EXPECT_EQ(late.status, 503U);
    EXPECT_EQ(late.content, "later");
    EXPECT_EQ(late.field("Retry-After"), "31");
    EXPECT_EQ(origin.request_count(), 1U);
    EXPECT_EQ(proxy.get_with_fault("status=503; extra=Retry-After:99999999999").status, 503U);
    EXPECT_EQ(origin.request_count(), 2U) << "larger than any number here";
    EXPECT_EQ(proxy.metric("reverse_proxy_retries_total"), 0);
    EXPECT_EQ(proxy.get_with_fault("status=503; extra=Retry-After:1").status, 503U);
    EXPECT_EQ(origin.request_count(), 2U + 3U);
    // A 502 does not say when to come back; the field means nothing there.
    EXPECT_EQ(proxy.get_with_fault("status=502; extra=Retry-After:31").status, 502U);
    EXPECT_EQ(origin.request_count(), 2U + 3U + 3U);
}

TEST(Retry, AttemptsAreTheSameRequest) {
    FaultOrigin origin;
    origin.next("status=503");
    origin.next("reset_before_head");
    ProxyFixture proxy{origin, no_breaker};
    EXPECT_EQ(proxy.get("/same?q=1", {{"X-A", "b"}}).status, 200U);
    auto const seen = origin.requests();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].raw_head, seen[1].raw_head);
    EXPECT_EQ(seen[0].raw_head, seen[2].raw_head);
}

TEST(Retry, OneAttemptMeansNone) {
    Pair pair{"status=503", [](config::Settings& s) {
                  no_breaker(s);
                  s.retry.max_attempts = 1;
              }};
    for (int i = 0; i < 4; ++i)
        pair.proxy.get("/");
    EXPECT_EQ(pair.tried(), 4U);
}

TEST(Retry, IsNotPastTheRequestsTime) {
    FaultOrigin origin;
    origin.always("stall");
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           no_breaker(s);
                           s.retry.max_attempts = 100;
                           s.upstream.attempt_timeout = milliseconds{300};
                           s.upstream.request_timeout = milliseconds{500};
                       }};
    EXPECT_EQ(proxy.get("/").status, 504U);
    EXPECT_LE(origin.requests().size(), 2U);
}

TEST(Retry, TheBudgetBoundsAStorm) {
    FaultOrigin origin;
    origin.always("status=503");
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.breaker.enabled = false;
                           s.retry.budget_percent = 20;
                       }};
    constexpr std::size_t kRequests = 100;
    auto const begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < kRequests; ++i)
        EXPECT_EQ(proxy.get("/").status, 503U);
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
    auto const retries = origin.requests().size() - kRequests;
    EXPECT_GE(retries, 10U);
    // 10 tokens at first, a fifth of one per request, 3 per second.
    EXPECT_LE(static_cast<double>(retries), 10 + 0.2 * kRequests + 3 * took.count() + 1);
    EXPECT_GT(proxy.metric("reverse_proxy_retry_budget_exhausted_total"), 0);
}

}  // namespace
}  // namespace reverse_proxy::integration
