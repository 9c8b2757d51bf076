#include "reverse_proxy/core/name_lookup.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>

namespace {

using namespace std::chrono_literals;
using reverse_proxy::core::NameLookup;
namespace asio = boost::asio;

NameLookup::Answer one(char const* address) {
    return {{}, {asio::ip::make_address(address)}};
}

/// A name server that answers for `slow` only once it is told to.
class Server {
public:
    NameLookup::Ask ask() {
        return [this](std::string const& host) {
            if (host != "slow") return one("192.0.2.1");
            asked_.set_value();
            released_.wait();
            return one("192.0.2.2");
        };
    }
    void wait_until_asked() {
        ASSERT_EQ(asked_.get_future().wait_for(10s), std::future_status::ready);
    }
    void release() { release_.set_value(); }

private:
    std::promise<void> asked_;
    std::promise<void> release_;
    std::shared_future<void> released_{release_.get_future()};
};

/// Runs until there is an answer, ten seconds at most.
template <typename Value> void run_for(asio::io_context& io, std::optional<Value> const& answer) {
    auto const give_up = std::chrono::steady_clock::now() + 10s;
    while (!answer && std::chrono::steady_clock::now() < give_up)
        io.run_one_for(1s);
}

}  // namespace

TEST(NameLookup, AsksTheSystem) {
    asio::io_context io;
    auto const work = asio::make_work_guard(io);
    NameLookup names{io};
    std::optional<NameLookup::Answer> good;
    names.start("localhost", [&](auto error, auto addresses) { good.emplace(error, addresses); });
    run_for(io, good);
    ASSERT_TRUE(good);
    EXPECT_FALSE(good->error) << good->error.message();
    EXPECT_TRUE(std::any_of(good->addresses.begin(), good->addresses.end(),
                            [](auto const& address) { return address.is_loopback(); }));
    std::optional<NameLookup::Answer> bad;
    names.start("no host's name",
                [&](auto error, auto addresses) { bad.emplace(error, addresses); });
    run_for(io, bad);
    ASSERT_TRUE(bad);
    EXPECT_TRUE(bad->error);
    EXPECT_TRUE(bad->addresses.empty());
}

TEST(NameLookup, ANameThatHangsHoldsUpNoOther) {
    Server server;
    asio::io_context io;
    auto const work = asio::make_work_guard(io);
    NameLookup names{io, server.ask()};
    std::optional<std::string> slow;
    std::optional<std::string> fast;
    names.start("slow", [&](auto, auto addresses) { slow = addresses.at(0).to_string(); });
    server.wait_until_asked();
    names.start("fast", [&](auto, auto addresses) { fast = addresses.at(0).to_string(); });
    run_for(io, fast);
    EXPECT_EQ(fast, "192.0.2.1");
    EXPECT_FALSE(slow);
    server.release();
    run_for(io, slow);
    EXPECT_EQ(slow, "192.0.2.2");
}

TEST(NameLookup, ItsEndWaitsForNoAnswer) {
    Server server;
    std::promise<void> through;  // the thread has let go of the handler
    bool told = false;
    {
        asio::io_context io;
        NameLookup names{io, server.ask()};
        auto guard = std::shared_ptr<void>{nullptr, [&through](void*) { through.set_value(); }};
        names.start("slow", [&told, guard = std::move(guard)](auto, auto) { told = true; });
        server.wait_until_asked();
    }
    server.release();
    EXPECT_EQ(through.get_future().wait_for(10s), std::future_status::ready);
    EXPECT_FALSE(told);
}
