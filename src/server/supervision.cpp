#include "reverse_proxy/server/supervision.hpp"

#include "reverse_proxy/telemetry/log.hpp"

#include <boost/asio/post.hpp>

#include <system_error>
#include <utility>

namespace reverse_proxy::server {

namespace asio = boost::asio;

Supervision::Supervision(asio::io_context& control, Tell tell, std::chrono::microseconds watchdog)
    : control_{control}, timer_{control}, tell_{std::move(tell)}, interval_{watchdog / 2} {
}  // as sd_watchdog_enabled(3) recommends

void Supervision::watch(std::vector<Post> workers) {
    workers_ = std::move(workers);
    ask();
}

/// Every half of the watchdog's time. A round that is not over is waited for and not asked again.
void Supervision::ask() {
    if (unanswered_ == 0) {
        unanswered_ = workers_.size();
        for (auto const& post : workers_)
            post([this] { asio::post(control_, [this] { answered(); }); });
    }
    if (interval_.count() == 0) return;
    timer_.expires_after(interval_);
    timer_.async_wait([this](boost::system::error_code const& error) {
        if (!error) ask();
    });
}

void Supervision::answered() {
    if (--unanswered_ > 0) return;
    std::string lines;
    if (!std::exchange(ready_, true) && !stopping_) lines = "READY=1\nSTATUS=serving\n";
    if (interval_.count() > 0) lines += "WATCHDOG=1\n";
    tell(lines);
}

void Supervision::stopping(config::ShutdownSettings const& shutdown) {
    stopping_ = true;
    // Beside both: two ticks until the listeners close, and a second for what was cut.
    constexpr std::chrono::seconds kMargin{5};
    std::chrono::microseconds const longest = shutdown.delay + shutdown.grace + kMargin;
    tell("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=" + std::to_string(longest.count()) +
         '\n');
}

void Supervision::tell(std::string const& lines) {
    if (lines.empty()) return;
    int const error = tell_(lines);
    if (error != 0 && !unheard_) {
        telemetry::log(telemetry::LogLevel::warn, "the service manager cannot be told",
                       {{"error", std::generic_category().message(error)}});
    }
    unheard_ = error != 0;
}

}  // namespace reverse_proxy::server
