#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace reverse_proxy::server {

/// A small origin inside the process (--demo): answers every request with one line of text that
/// says who it is and what was asked. On a port of its own of 127.0.0.1, on a thread of its own.
class DemoOrigin {
public:
    explicit DemoOrigin(std::string name);
    ~DemoOrigin();
    DemoOrigin(DemoOrigin const&) = delete;
    DemoOrigin& operator=(DemoOrigin const&) = delete;
    [[nodiscard]] std::uint16_t port() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace reverse_proxy::server
