#pragma once

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/telemetry/trace_exporter.hpp"
#include "telemetry/otlp_answer.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>

namespace reverse_proxy::telemetry {

/// HTTP/1.1 to one collector over one connection, which is kept while the collector keeps it. For
/// the thread of `io`.
class OtlpClient {
public:
    OtlpClient(boost::asio::io_context& io, Collector collector);
    ~OtlpClient();
    OtlpClient(OtlpClient const&) = delete;
    OtlpClient& operator=(OtlpClient const&) = delete;

    /// Sends one export and reads its answer; looking the collector's name up and connecting
    /// included it takes `timeout` at most.
    boost::asio::awaitable<OtlpAnswer> post(std::string const& json, core::Duration timeout);
    /// Ends what is under way: post() returns soon.
    void close();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace reverse_proxy::telemetry
