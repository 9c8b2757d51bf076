#pragma once

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/core/name_lookup.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace reverse_proxy::upstream {

using Addresses = core::NameLookup::Addresses;
using LookupHandler = core::NameLookup::Handler;
/// Starts one look-up of a host name and calls the handler once, during the call or later, on the
/// control thread.
using Lookup = std::function<void(std::string const& host, LookupHandler)>;

/// By core::NameLookup, which lives as long as the result and its copies.
Lookup system_lookup(boost::asio::io_context& control);

/// Keeps the addresses of one host name up to date: a look-up at start and `interval` after each
/// outcome. A failed one (error, empty answer, time-out) keeps the last good addresses.
///
/// A look-up that is late is reported as dns_timeout and its answer used all the same when it
/// comes; there is never more than one under way. Class of the control thread; made by make_shared.
class NameResolver : public std::enable_shared_from_this<NameResolver> {
public:
    /// More addresses than this behind one name are cut off (the sorted list's tail).
    static constexpr std::size_t kMaxAddresses = 64;

    struct Timing {
        core::Duration interval{std::chrono::seconds{5}};
        core::Duration timeout{std::chrono::seconds{5}};
    };
    /// After each outcome, a time-out included; `changed`: addresses() has.
    using OnOutcome = std::function<void(bool changed)>;

    NameResolver(boost::asio::io_context& control, std::string host, Lookup lookup, Timing timing);
    void start(OnOutcome on_outcome);
    /// No callback comes after it.
    void stop();

    [[nodiscard]] std::string const& host() const { return host_; }
    /// Sorted, each once.
    [[nodiscard]] Addresses const& addresses() const { return addresses_; }
    /// dns_error or dns_timeout while look-ups fail; nothing after a good one.
    [[nodiscard]] std::optional<core::FailureKind> failure() const { return failure_; }

private:
    void look_up();
    void answered(boost::system::error_code ec, Addresses addresses);
    void accept(Addresses addresses);
    void fail(core::FailureKind kind, std::string why);

    boost::asio::steady_timer timer_;
    std::string host_;
    Lookup lookup_;
    Timing timing_;
    OnOutcome on_outcome_;
    Addresses addresses_;
    std::optional<core::FailureKind> failure_;
    std::uint64_t lookups_begun_{0};
    bool pending_{false};
    bool stopped_{false};
};

}  // namespace reverse_proxy::upstream
