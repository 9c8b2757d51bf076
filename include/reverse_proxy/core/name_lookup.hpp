#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace reverse_proxy::core {

/// Look-ups of host names, each on a thread of its own: a name server that does not answer (up to
/// half a minute by resolv.conf(5)) holds up neither other names nor the end of the process. Asio's
/// resolver asks for one name after the other, and its io_context's destruction waits for the last.
///
/// Owned by one thread, on which its handlers run; `io` must outlive it.
class NameLookup {
public:
    using Addresses = std::vector<boost::asio::ip::address>;
    using Handler = std::function<void(boost::system::error_code, Addresses)>;
    struct Answer {
        boost::system::error_code error;
        Addresses addresses;
    };
    /// Blocks; called on any thread.
    using Ask = std::function<Answer(std::string const& host)>;

    /// @param ask  none: getaddrinfo(3), IPv4 and IPv6 where this machine has them
    explicit NameLookup(boost::asio::io_context& io, Ask ask = {});
    /// Waits for nothing. What is still asked for is never told.
    ~NameLookup();
    NameLookup(NameLookup const&) = delete;
    NameLookup& operator=(NameLookup const&) = delete;

    /// Calls the handler once, later; with an error also where there is no thread to be had. The
    /// caller keeps the io_context at work meanwhile. The handler may be destroyed on another
    /// thread.
    void start(std::string host, Handler handler);

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace reverse_proxy::core
