#include "reverse_proxy/upstream/endpoint_directory.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;
using boost::system::error_code;
using reverse_proxy::balancing::BreakerState;
using reverse_proxy::balancing::CircuitBreaker;
using reverse_proxy::balancing::Endpoint;
using reverse_proxy::balancing::EndpointList;
using reverse_proxy::balancing::Rotation;
using reverse_proxy::config::BreakerSettings;
using reverse_proxy::config::UpstreamSettings;
using reverse_proxy::config::UpstreamUrl;
using reverse_proxy::core::FailureKind;
using reverse_proxy::core::TimePoint;
using reverse_proxy::upstream::Addresses;
using reverse_proxy::upstream::EndpointDirectory;
using reverse_proxy::upstream::LookupHandler;
using testing::ElementsAre;

constexpr TimePoint kNow{1h};

UpstreamUrl literal(std::string const& host, std::uint16_t port, std::string const& prefix = "") {
    bool const v6 = host.find(':') != std::string::npos;
    return {host, port, prefix, true, (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port)};
}

UpstreamUrl name(std::string const& host, std::uint16_t port, std::string const& prefix = "") {
    return {host, port, prefix, false, host + ":" + std::to_string(port)};
}

std::vector<std::string> labels(EndpointList const& list) {
    std::vector<std::string> found;
    for (auto const& endpoint : list)
        found.push_back(endpoint->label);
    return found;
}

class EndpointDirectoryTest : public testing::Test {
protected:
    static constexpr auto kBound = 10s;

    void make(std::vector<UpstreamUrl> urls, std::chrono::milliseconds timeout = 1h) {
        settings_.upstreams = std::move(urls);
        auto const lookup = [this](std::string const& host, LookupHandler handler) {
            waiting_[host] = std::move(handler);
        };
        directory_ = std::make_unique<EndpointDirectory>(
            control_, EndpointDirectory::Parts{
                          settings_,
                          breaker_,
                          2,
                          rotation_,
                          [this](EndpointList const& list) { changes_.push_back(labels(list)); },
                          lookup,
                          {0s, timeout}});
    }
    void start() {
        directory_->start([this] { ++ready_; });
    }
    template <typename Predicate> bool run_until(Predicate reached) {
        control_.restart();
        auto const end = std::chrono::steady_clock::now() + kBound;
        while (!reached() && std::chrono::steady_clock::now() < end)
            control_.run_one_until(end);
        return reached();
    }
    void answer(std::string const& host, error_code ec, std::vector<std::string> const& texts) {
        ASSERT_TRUE(run_until([&] { return waiting_.contains(host); }));
        auto const handler = std::move(waiting_[host]);
        waiting_.erase(host);
        Addresses addresses;
        for (auto const& text : texts)
            addresses.push_back(make_address(text));
        handler(ec, addresses);
    }

    boost::asio::io_context control_;
    UpstreamSettings settings_;
    BreakerSettings breaker_;
    Rotation rotation_;
    std::map<std::string, LookupHandler> waiting_;
    std::vector<std::vector<std::string>> changes_;
    int ready_{0};
    std::unique_ptr<EndpointDirectory> directory_;
};

TEST_F(EndpointDirectoryTest, AddressesAreEndpointsAtOnce) {
    make({literal("127.0.0.1", 9000, "/api"), literal("::1", 80)});
    EXPECT_THAT(labels(directory_->endpoints()), ElementsAre("127.0.0.1:9000/api", "[::1]:80"));
    Endpoint const& first = *directory_->endpoints()[0];
    EXPECT_EQ(first.url, "http://127.0.0.1:9000/api");
    EXPECT_EQ(first.authority, "127.0.0.1:9000");
    EXPECT_EQ(first.prefix, "/api");
    EXPECT_EQ(first.address.address(), make_address("127.0.0.1"));
    EXPECT_EQ(first.address.port(), 9000);
    EXPECT_EQ(first.cells.size(), 2U);
    start();
    EXPECT_EQ(ready_, 1);
    EXPECT_EQ(directory_->failure_when_empty(), FailureKind::no_endpoint);
}

TEST_F(EndpointDirectoryTest, LabelsStayUnique) {
    make({literal("127.0.0.1", 9000), literal("127.0.0.1", 9000), literal("127.0.0.1", 9000, "/a"),
          literal("127.0.0.1", 9000)});
    EXPECT_THAT(
        labels(directory_->endpoints()),
        ElementsAre("127.0.0.1:9000", "127.0.0.1:9000#2", "127.0.0.1:9000/a", "127.0.0.1:9000#3"));
}

TEST_F(EndpointDirectoryTest, IsReadyWhenEachNameWasHeardOf) {
    make({name("a.example", 9000), literal("127.0.0.1", 1), name("b.example", 80, "/x"),
          name("a.example", 9001)});
    EXPECT_THAT(labels(directory_->endpoints()), ElementsAre("127.0.0.1:1"));
    start();
    answer("a.example", {}, {"10.0.0.2", "10.0.0.1"});
    EXPECT_EQ(ready_, 0);
    answer("a.example", {}, {"10.0.0.2"});
    EXPECT_EQ(ready_, 0) << "b was not heard of yet";
    answer("b.example", {}, {"fd00::1"});
    EXPECT_EQ(ready_, 1);
    EXPECT_TRUE(changes_.empty()) << "the list is read when ready";
    EXPECT_THAT(labels(directory_->endpoints()),
                ElementsAre("a.example:9000@10.0.0.2", "127.0.0.1:1", "b.example:80/x@fd00::1",
                            "a.example:9001@10.0.0.2"));
}

TEST_F(EndpointDirectoryTest, AnEndpointThatStaysKeepsItsState) {
    breaker_.failure_threshold = 1;
    make({name("a.example", 9000)});
    start();
    answer("a.example", {}, {"10.0.0.1", "10.0.0.2"});
    auto const stays = directory_->endpoints()[1];
    CircuitBreaker::Ticket ticket;
    CircuitBreaker::Transition transition;
    ASSERT_TRUE(stays->breaker.try_acquire(kNow, ticket, transition));
    EXPECT_EQ(stays->breaker.failed(ticket, kNow).to, BreakerState::open);
    EXPECT_EQ(rotation_.eligibility_version, 1U) << "the breaker tells the workers";

    answer("a.example", {}, {"10.0.0.2", "10.0.0.3"});
    EXPECT_THAT(changes_,
                ElementsAre(ElementsAre("a.example:9000@10.0.0.2", "a.example:9000@10.0.0.3")));
    EXPECT_EQ(directory_->endpoints()[0], stays);
    EXPECT_EQ(directory_->endpoints()[0]->breaker.state(kNow), BreakerState::open);
    answer("a.example", boost::asio::error::host_not_found, {});
    EXPECT_EQ(changes_.size(), 1U);
    EXPECT_EQ(directory_->endpoints().size(), 2U);
}

TEST_F(EndpointDirectoryTest, SaysWhyThereIsNoEndpoint) {
    make({name("a.example", 9000)}, 1ms);
    start();
    ASSERT_TRUE(run_until([&] { return ready_ == 1; })) << "a time-out bounds the start";
    EXPECT_TRUE(directory_->endpoints().empty());
    EXPECT_EQ(directory_->failure_when_empty(), FailureKind::dns_timeout);
    answer("a.example", boost::asio::error::host_not_found, {});
    EXPECT_EQ(directory_->failure_when_empty(), FailureKind::dns_error);
    answer("a.example", {}, {"10.0.0.1"});
    EXPECT_EQ(directory_->failure_when_empty(), FailureKind::no_endpoint);
    EXPECT_THAT(changes_, ElementsAre(ElementsAre("a.example:9000@10.0.0.1")));
    EXPECT_EQ(ready_, 1);
}

TEST_F(EndpointDirectoryTest, AProbesLeaseOutlastsTheRequest) {
    breaker_.failure_threshold = 1;
    breaker_.open_duration = 100ms;
    settings_.request_timeout = 3s;
    make({literal("127.0.0.1", 9000)});
    auto& breaker = directory_->endpoints()[0]->breaker;
    CircuitBreaker::Ticket ticket;
    CircuitBreaker::Transition transition;
    ASSERT_TRUE(breaker.try_acquire(kNow, ticket, transition));
    breaker.failed(ticket, kNow);
    ASSERT_TRUE(breaker.try_acquire(kNow + 100ms, ticket, transition));
    EXPECT_FALSE(breaker.allows(kNow + 100ms + 3s + 900ms));
    EXPECT_TRUE(breaker.allows(kNow + 100ms + 4s));
}

}  // namespace
