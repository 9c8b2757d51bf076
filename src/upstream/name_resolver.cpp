#include "reverse_proxy/upstream/name_resolver.hpp"

#include "reverse_proxy/telemetry/log.hpp"

#include <algorithm>
#include <utility>

namespace reverse_proxy::upstream {

namespace net = boost::asio;
using boost::system::error_code;
using telemetry::LogLevel;

namespace {

std::string text_of(Addresses const& addresses) {
    std::string text;
    for (auto const& address : addresses)
        text += (text.empty() ? "" : " ") + address.to_string();
    return text;
}

/// In a fixed order, since the order of DNS answers rotates and is no change.
void normalise(Addresses& addresses) {
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    if (addresses.size() > NameResolver::kMaxAddresses)
        addresses.resize(NameResolver::kMaxAddresses);
}

}  // namespace

Lookup system_lookup(net::io_context& control) {
    auto names = std::make_shared<core::NameLookup>(control);
    return [names = std::move(names)](std::string const& host, LookupHandler handler) {
        names->start(host, std::move(handler));
    };
}

NameResolver::NameResolver(net::io_context& control, std::string host, Lookup lookup, Timing timing)
    : timer_{control}, host_{std::move(host)}, lookup_{std::move(lookup)}, timing_{timing} {}

void NameResolver::start(OnOutcome on_outcome) {
    on_outcome_ = std::move(on_outcome);
    look_up();
}

void NameResolver::stop() {
    stopped_ = true;
    timer_.cancel();
}

void NameResolver::look_up() {
    pending_ = true;
    std::uint64_t const number = ++lookups_begun_;
    timer_.expires_after(timing_.timeout);
    timer_.async_wait([weak = weak_from_this(), number](error_code ec) {
        auto const self = weak.lock();
        if (ec || !self || self->stopped_) return;
        // The answer may have come while this handler was queued.
        if (self->pending_ && self->lookups_begun_ == number)
            self->fail(core::FailureKind::dns_timeout, "no answer in time");
    });
    lookup_(host_, [weak = weak_from_this()](error_code ec, Addresses addresses) {
        if (auto const self = weak.lock()) self->answered(ec, std::move(addresses));
    });
}

void NameResolver::answered(error_code ec, Addresses addresses) {
    if (stopped_) return;
    pending_ = false;
    timer_.expires_after(timing_.interval);
    timer_.async_wait([weak = weak_from_this()](error_code wait_ec) {
        auto const self = weak.lock();
        if (!wait_ec && self && !self->stopped_) self->look_up();
    });
    if (ec)
        fail(core::FailureKind::dns_error, ec.message());
    else if (addresses.empty())
        fail(core::FailureKind::dns_error, "empty answer");
    else
        accept(std::move(addresses));
}

void NameResolver::accept(Addresses addresses) {
    normalise(addresses);
    if (failure_) telemetry::log(LogLevel::info, "name resolves again", {{"host", host_}});
    failure_.reset();
    bool const changed = addresses != addresses_;
    if (changed) {
        telemetry::log(
            LogLevel::info, "addresses of a name changed",
            {{"host", host_}, {"from", text_of(addresses_)}, {"to", text_of(addresses)}});
        addresses_ = std::move(addresses);
    }
    on_outcome_(changed);
}

void NameResolver::fail(core::FailureKind kind, std::string why) {
    // Once for a series of failures: a name server that is down would fill the log.
    if (!failure_)
        telemetry::log(LogLevel::warn, "name does not resolve",
                       {{"host", host_}, {"why", std::move(why)}, {"kept", text_of(addresses_)}});
    failure_ = kind;
    on_outcome_(false);
}

}  // namespace reverse_proxy::upstream
