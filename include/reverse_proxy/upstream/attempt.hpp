#pragma once

#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/core/task.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/relay/http1_content.hpp"
#include "reverse_proxy/relay/progress.hpp"
#include "reverse_proxy/upstream/call.hpp"
#include "reverse_proxy/upstream/connection_pool.hpp"

#include <optional>
#include <string>

namespace reverse_proxy::upstream {

/// Field lines of a response's head; UPSTREAM_MAX_HEADER_BYTES is what bounds it.
inline constexpr std::size_t kMaxFields = 1000;

/// Streamed request content with a memory: passes on what the client sends and keeps a copy of its
/// first bytes, so that another attempt can begin anew. Lives as long as the call.
class ReplayableContent final : public relay::ContentSource {
public:
    ReplayableContent(relay::ContentSource& live, std::size_t limit) : live_{live}, limit_{limit} {}

    Step take() override;
    bool fill(std::size_t most) override {
        lent_ = false;
        return live_.fill(most);
    }
    /// Nothing may pass by while a copy is kept.
    [[nodiscard]] std::uint64_t plain_bytes() const override {
        return forgotten_ ? live_.plain_bytes() : 0;
    }
    void moved_past(std::size_t bytes) override {
        live_.moved_past(bytes);
        taken_ += bytes;
    }
    [[nodiscard]] http::Fields const* trailers() const override { return live_.trailers(); }
    [[nodiscard]] core::Failure const& failure() const override { return live_.failure(); }
    [[nodiscard]] core::Socket& socket() override { return live_.socket(); }

    /// Starts from the first byte again; only while replayable().
    void rewind() { replayed_ = 0; }
    [[nodiscard]] bool replayable() const { return !forgotten_; }
    /// Bytes that the client has sent of it, by whatever attempt they were taken.
    [[nodiscard]] std::uint64_t taken() const { return taken_; }

private:
    relay::ContentSource& live_;
    std::size_t limit_;
    std::string kept_;
    std::size_t replayed_{0};
    std::uint64_t taken_{0};
    bool lent_{false};  // a slice of what is kept has been handed out and is perhaps not sent yet
    bool forgotten_{false};
};

/// One try at one endpoint: sends the request, receives the response's head, relays its content.
/// Both directions at once: an upload goes on while the response is awaited and relayed, until the
/// response is complete.
class Attempt {
public:
    Attempt(core::WorkerIo& io, config::UpstreamSettings const& settings, Call& call,
            std::shared_ptr<ConnectionPool> pool, ReplayableContent* streamed);
    Attempt(Attempt const&) = delete;
    Attempt& operator=(Attempt const&) = delete;

    /// To the final response's head, which is then in `head` until something suspends (101
    /// included).
    /// @param fresh  a new connection even where an idle one is there
    core::Task<core::Result<void>> run(bool fresh, http::ResponseHead& head);
    /// Relays the content of the response to `sink`, whose socket is the client's.
    /// Failure: response_incomplete, response_malformed (origin), client_gone, shutdown_cut, or a
    /// request fault.
    /// `bytes` counts what has been moved.
    core::Task<core::Result<void>> relay(relay::ContentSink& sink, std::uint64_t& bytes);
    /// After a 101: bytes both ways, each end's close passed on, until both are done or nothing
    /// moved for TUNNEL_IDLE_TIMEOUT_MS. `bytes_up` counts what the client sent.
    core::Task<core::Result<void>> tunnel(relay::ContentSource& from_client,
                                          relay::ContentSink& to_client, std::uint64_t& bytes_up,
                                          std::uint64_t& bytes_down);
    /// The whole response is read: gives the connection back where it can be used again.
    void finish();

    [[nodiscard]] http::Framing const& framing() const { return framing_; }
    [[nodiscard]] bool connection_reused() const { return connection_reused_; }
    [[nodiscard]] bool request_bytes_sent() const { return request_bytes_sent_; }
    [[nodiscard]] bool response_bytes_received() const { return response_bytes_received_; }

private:
    enum class Upload : std::uint8_t { none, sending, complete, broken };

    bool take_idle_connection();
    core::Task<core::Result<void>> connect();
    core::Result<void> send_request();
    core::Result<void> upload();
    core::Result<void> relay_wake(core::Wake wake, core::Readiness client, bool client_full) const;
    void request_complete();
    enum class HeadState : std::uint8_t { incomplete, interim, final };
    core::Result<HeadState> read_head(http::ResponseHead& head);
    core::Result<HeadState> accept_head(std::size_t size, http::ResponseHead& head);
    core::Result<void> wait_result(core::Wake wake) const;
    [[nodiscard]] bool departed(core::Readiness awaited) const;
    [[nodiscard]] core::Readiness client_interest() const;
    [[nodiscard]] core::Readiness upstream_interest() const;
    [[nodiscard]] core::TimePoint head_deadline() const;
    [[nodiscard]] core::Failure closed_early() const;
    /// Whether the upload goes on and the client's next bytes are what it needs.
    [[nodiscard]] bool awaits_client() const {
        return upload_ == Upload::sending && upload_stopped_at_ == relay::Moved::source_empty;
    }
    /// Whether the upload goes on and the origin takes no more for now.
    [[nodiscard]] bool upload_blocked() const {
        return upload_ == Upload::sending && upload_stopped_at_ == relay::Moved::sink_full;
    }

    core::WorkerIo& io_;
    config::UpstreamSettings const& settings_;
    Call& call_;
    std::shared_ptr<ConnectionPool> pool_;
    ReplayableContent* streamed_;
    Lease lease_;
    std::optional<relay::Http1ContentWriter> writer_;  // request content to the origin
    std::optional<relay::ContentMove> upload_move_;
    std::optional<relay::Http1ContentReader> reader_;  // response content from the origin
    http::HeadScanner scanner_{http::HeadScanner::Part::response_head};
    http::Framing framing_;
    Upload upload_{Upload::none};
    relay::Moved upload_stopped_at_{relay::Moved::source_empty};
    relay::Progress progress_;
    core::TimePoint attempt_deadline_{core::kNever};
    unsigned interim_count_{0};
    bool connection_reused_{false};
    bool request_bytes_sent_{false};
    bool response_bytes_received_{false};
    bool keep_alive_{false};
};

}  // namespace reverse_proxy::upstream
