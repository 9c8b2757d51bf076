#include "reverse_proxy/upstream/name_resolver.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;
using boost::system::error_code;
using reverse_proxy::core::FailureKind;
using reverse_proxy::upstream::Addresses;
using reverse_proxy::upstream::LookupHandler;
using reverse_proxy::upstream::NameResolver;
using reverse_proxy::upstream::system_lookup;

Addresses addresses(std::vector<std::string> const& texts) {
    Addresses made;
    for (auto const& text : texts)
        made.push_back(make_address(text));
    return made;
}

// Look-ups are answered by the test, one by one.
class NameResolverTest : public testing::Test {
protected:
    static constexpr auto kBound = 10s;  // of each wait; never reached unless something is broken

    void start(NameResolver::Timing timing) {
        auto const lookup = [this](std::string const& host, LookupHandler handler) {
            EXPECT_EQ(host, "origin.example");
            waiting_.push_back(std::move(handler));
        };
        resolver_ = std::make_shared<NameResolver>(control_, "origin.example", lookup, timing);
        resolver_->start([this](bool changed) { outcomes_.push_back(changed); });
    }
    template <typename Predicate> bool run_until(Predicate reached) {
        control_.restart();
        auto const end = std::chrono::steady_clock::now() + kBound;
        while (!reached() && std::chrono::steady_clock::now() < end)
            control_.run_one_until(end);
        return reached();
    }
    void answer(error_code ec, std::vector<std::string> const& texts) {
        ASSERT_TRUE(run_until([&] { return !waiting_.empty(); }));
        auto handler = std::move(waiting_.front());
        waiting_.erase(waiting_.begin());
        handler(ec, addresses(texts));
    }

    boost::asio::io_context control_;
    std::vector<LookupHandler> waiting_;
    std::shared_ptr<NameResolver> resolver_;
    std::vector<bool> outcomes_;
};

constexpr NameResolver::Timing kAgainAtOnce{0s, 1h};

TEST_F(NameResolverTest, SortsAndDropsDoubles) {
    start(kAgainAtOnce);
    answer({}, {"10.0.0.2", "::1", "10.0.0.1", "10.0.0.2"});
    EXPECT_EQ(resolver_->addresses(), addresses({"10.0.0.1", "10.0.0.2", "::1"}));
    answer({}, {"::1", "10.0.0.2", "10.0.0.1"});
    EXPECT_THAT(outcomes_, testing::ElementsAre(true, false)) << "another order is no change";
}

TEST_F(NameResolverTest, KeepsTheLastGoodAddressesThroughFailures) {
    start(kAgainAtOnce);
    answer({}, {"10.0.0.1"});
    answer(boost::asio::error::host_not_found, {});
    EXPECT_EQ(resolver_->failure(), FailureKind::dns_error);
    answer({}, {});
    EXPECT_EQ(resolver_->failure(), FailureKind::dns_error);
    EXPECT_EQ(resolver_->addresses(), addresses({"10.0.0.1"}));
    answer({}, {"10.0.0.9"});
    EXPECT_EQ(resolver_->failure(), std::nullopt);
    EXPECT_EQ(resolver_->addresses(), addresses({"10.0.0.9"}));
    EXPECT_THAT(outcomes_, testing::ElementsAre(true, false, false, true));
}

TEST_F(NameResolverTest, ALateAnswerIsATimeoutAndUsedAllTheSame) {
    start({0s, 1ms});
    ASSERT_TRUE(run_until([&] { return !outcomes_.empty(); }));
    EXPECT_EQ(resolver_->failure(), FailureKind::dns_timeout);
    EXPECT_EQ(waiting_.size(), 1U) << "never two look-ups at once";
    answer({}, {"10.0.0.1"});
    EXPECT_EQ(resolver_->failure(), std::nullopt);
    EXPECT_EQ(resolver_->addresses(), addresses({"10.0.0.1"}));
}

TEST_F(NameResolverTest, TakesABoundedNumberOfAddresses) {
    start(kAgainAtOnce);
    std::vector<std::string> many;
    for (int i = 0; i < 200; ++i)
        many.push_back("10.0.0." + std::to_string(i));
    answer({}, many);
    EXPECT_EQ(resolver_->addresses().size(), NameResolver::kMaxAddresses);
}

TEST_F(NameResolverTest, IsSilentOnceStopped) {
    start(kAgainAtOnce);
    resolver_->stop();
    answer({}, {"10.0.0.1"});
    control_.restart();
    control_.run();
    EXPECT_TRUE(outcomes_.empty());
    EXPECT_TRUE(waiting_.empty());
}

TEST_F(NameResolverTest, ALookupMayOutliveIt) {
    start(kAgainAtOnce);
    resolver_.reset();
    answer({}, {"10.0.0.1"});
    EXPECT_TRUE(outcomes_.empty());
}

TEST_F(NameResolverTest, AsksTheSystem) {
    auto const localhost = std::make_shared<NameResolver>(
        control_, "localhost", system_lookup(control_), NameResolver::Timing{1h, 1h});
    localhost->start([this](bool changed) { outcomes_.push_back(changed); });
    ASSERT_TRUE(run_until([&] { return !outcomes_.empty(); }));
    ASSERT_FALSE(localhost->addresses().empty());
    for (auto const& address : localhost->addresses())
        EXPECT_TRUE(address.is_loopback()) << address;
    localhost->stop();
}

}  // namespace
