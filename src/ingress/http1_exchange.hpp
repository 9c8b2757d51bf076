#pragma once

#include "reverse_proxy/ingress/connection.hpp"
#include "reverse_proxy/pipeline/downstream.hpp"
#include "reverse_proxy/relay/http1_content.hpp"

#include <optional>

namespace reverse_proxy::ingress {

/// The client's side of one exchange in HTTP/1: content out of its connection, a response into it.
class Http1Exchange final : public pipeline::Downstream {
public:
    Http1Exchange(Connection& connection, http::RequestHead const& head,
                  http::Framing const& framing);

    [[nodiscard]] core::Socket& socket() override { return connection_.socket_; }
    [[nodiscard]] modifiers::Peer const& peer() const override { return connection_.peer_; }
    [[nodiscard]] bool admin_only() const override { return connection_.admin_only_; }
    [[nodiscard]] http::Framing const& framing() const override { return framing_; }
    [[nodiscard]] relay::ContentSource& content() override { return reader_; }
    core::Task<core::Result<void>> receive_whole() override;
    relay::ContentSink& begin_response(http::ResponseHead& head,
                                       http::Framing const& framing) override;
    relay::ContentSource& tunnel_source() override;
    void respond(http::LocalResponse const& response, std::string_view request_id,
                 bool with_content) override;
    void close_afterwards() override { keep_alive_ = false; }
    void cut() override;
    [[nodiscard]] bool response_begun() const override { return begun_; }
    bool interim(http::ResponseHead& head) override;

    /// The request could not be read, so it has no known end.
    void unreadable() { unreadable_ = true; }
    /// The request's content was used whole where it was (ContentSource::whole()): it is done with
    /// now.
    void skip_whole();
    [[nodiscard]] bool keep_alive() const { return keep_alive_ && !broken_; }
    [[nodiscard]] bool broken() const { return broken_; }
    [[nodiscard]] bool request_complete() const {
        return !unreadable_ && (reader_.complete() || framing_.kind == http::Framing::Kind::none);
    }

private:
    void write_connection_field();
    [[nodiscard]] bool draining() const;

    Connection& connection_;
    http::Framing framing_;
    relay::Http1ContentReader reader_;
    std::optional<relay::Http1ContentReader> tunnel_reader_;
    relay::Http1ContentWriter writer_;
    unsigned minor_version_;
    bool keep_alive_;
    bool begun_{false};
    bool unreadable_{false};
    bool broken_{false};
};

}  // namespace reverse_proxy::ingress
