#pragma once

#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/ingress/listener.hpp"
#include "reverse_proxy/upstream/name_resolver.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace reverse_proxy::server {

using ingress::ListenError;

/// The daemon: listeners, workers, control loop. `main` and the integration tests use it alike.
class Server {
public:
    /// Opens and binds every listener. Throws ListenError where one cannot be had.
    /// @param lookup  how the upstreams' names are resolved; none: as the system does
    explicit Server(config::Settings const& settings, upstream::Lookup lookup = {});
    ~Server();
    Server(Server const&) = delete;
    Server& operator=(Server const&) = delete;

    /// Ports that are listened on, in the order of LISTEN and of ADMIN_LISTEN (0 for a unix
    /// socket).
    [[nodiscard]] std::vector<std::uint16_t> ports() const;
    [[nodiscard]] std::vector<std::uint16_t> admin_ports() const;

    /// Runs the control loop on this thread and the workers on theirs, until drained.
    /// @return exit code: 0, or 1 after a second stop request
    int run();

    /// What a SIGTERM does: starts the drain; a second call stops at once. Any thread.
    void stop();

private:
    class Control;
    std::unique_ptr<Control> control_;
};

}  // namespace reverse_proxy::server
