#include "reverse_proxy/platform/stop_requests.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <utility>

namespace reverse_proxy::platform {

namespace asio = boost::asio;

struct StopRequests::State {
    State(asio::io_context& io, std::function<void()> call)
        : signals{io, SIGTERM, SIGINT}, requested{std::move(call)} {}

    void wait() {
        signals.async_wait([this](boost::system::error_code const& error, int /*signal*/) {
            if (error) return;
            requested();
            wait();
        });
    }

    asio::signal_set signals;
    std::function<void()> requested;
};

StopRequests::StopRequests(asio::io_context& io, std::function<void()> requested)
    : state_{std::make_unique<State>(io, std::move(requested))} {
    state_->wait();
}

StopRequests::~StopRequests() = default;

}  // namespace reverse_proxy::platform
