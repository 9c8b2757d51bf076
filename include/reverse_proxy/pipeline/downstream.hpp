#pragma once

#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/core/reactor.hpp"
#include "reverse_proxy/core/task.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/http/local_response.hpp"
#include "reverse_proxy/modifiers/request_modifiers.hpp"
#include "reverse_proxy/relay/content.hpp"
#include "reverse_proxy/upstream/call.hpp"

namespace reverse_proxy::pipeline {

/// The client's side of one exchange, whatever protocol it speaks: the request's content comes out
/// of it, the response goes into it. HTTP/1 is `ingress::Http1Exchange`; another protocol would be
/// its neighbour.
class Downstream : public upstream::InterimSink {
public:
    [[nodiscard]] virtual core::Socket& socket() = 0;
    [[nodiscard]] virtual modifiers::Peer const& peer() const = 0;
    /// The listener serves admin endpoints alone (ADMIN_LISTEN).
    [[nodiscard]] virtual bool admin_only() const = 0;

    [[nodiscard]] virtual http::Framing const& framing() const = 0;
    [[nodiscard]] virtual relay::ContentSource& content() = 0;
    /// Receives content of known length whole, so that content().whole() has it.
    /// Failure: client_gone, content_timeout, shutdown_cut.
    virtual core::Task<core::Result<void>> receive_whole() = 0;

    /// Starts the final response: its head leaves together with the first content that the sink is
    /// given.
    /// @param framing  of the content as it came; how it goes on is the downstream's matter
    virtual relay::ContentSink& begin_response(http::ResponseHead& head,
                                               http::Framing const& framing) = 0;
    /// After a 101 has been begun: the connection's bytes, both ways.
    virtual relay::ContentSource& tunnel_source() = 0;
    /// Sends an answer of the proxy's own, unless a response has begun.
    virtual void respond(http::LocalResponse const& response, std::string_view request_id,
                         bool with_content) = 0;
    /// No request may follow this one on its connection.
    virtual void close_afterwards() = 0;
    /// The response cannot be completed: the client must see that it was cut.
    virtual void cut() = 0;
    [[nodiscard]] virtual bool response_begun() const = 0;
};

}  // namespace reverse_proxy::pipeline
