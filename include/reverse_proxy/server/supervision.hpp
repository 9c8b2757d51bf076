#pragma once

#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/platform/service_manager.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <string>
#include <vector>

namespace reverse_proxy::server {

/// What the service manager is told: when the daemon is ready, that it stops, and, where it
/// watches, that every worker still turns.
///
/// A worker is asked by a piece of work posted to it. The daemon is ready once all have answered
/// for the first time; after that each round of answers is one sign of life. A worker that hangs
/// does not answer, so no sign is given until it does. Owned by the control thread.
class Supervision {
public:
    /// Runs a piece of work on one worker's thread.
    using Post = std::function<void(std::function<void()>)>;
    /// ServiceManager::tell
    using Tell = std::function<int(std::string_view)>;

    Supervision(boost::asio::io_context& control, Tell tell, std::chrono::microseconds watchdog);

    /// The workers have been started: begins to ask them. Their answers come on `control`.
    void watch(std::vector<Post> workers);
    /// A drain begins. The manager is asked to wait for it, however short its own time limit is.
    void stopping(config::ShutdownSettings const& shutdown);

private:
    void ask();
    void answered();
    void tell(std::string const& lines);

    boost::asio::io_context& control_;
    boost::asio::steady_timer timer_;
    Tell tell_;
    std::chrono::microseconds interval_;  // 0 = nobody watches
    std::vector<Post> workers_;
    std::size_t unanswered_{0};
    bool ready_{false};
    bool stopping_{false};
    bool unheard_{false};  // the last message could not be sent
};

}  // namespace reverse_proxy::server
