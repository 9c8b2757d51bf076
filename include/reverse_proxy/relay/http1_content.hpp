#pragma once

#include "reverse_proxy/core/read_buffer.hpp"
#include "reverse_proxy/core/worker_io.hpp"
#include "reverse_proxy/http/chunked.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/relay/content.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

namespace reverse_proxy::relay {

/// What a reader needs for chunked content alone.
struct ChunkedState {
    http::ChunkDecoder decoder;
    std::uint64_t taken{0};
    bool in_trailers{false};
    http::HeadScanner scanner{http::HeadScanner::Part::trailers};
    std::string connection_options;
    std::unique_ptr<http::Fields> trailers;
    // A copy: a further attempt sends the trailers when their buffer has long been used again.
    std::string trailer_text;
};

/// Reads the content of one HTTP/1 message behind its head (RFC 9112, 6 and 7), request or response
/// alike.
class Http1ContentReader : public ContentSource {
public:
    /// What a fault in the content is called: on the client's side or on the origin's.
    struct Faults {
        core::FailureKind malformed;
        core::FailureKind cut_short;
    };
    static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
    struct Limits {
        std::uint64_t max_content_bytes;  // only chunked content can still reach it here
        http::HeadLimits trailers;
    };

    Http1ContentReader(core::ReadBuffer& in, core::Socket& socket, http::Framing framing,
                       Faults faults, Limits limits);

    Step take() override;
    bool fill(std::size_t most) override;
    [[nodiscard]] http::Fields const* trailers() const override {
        return chunked_ ? chunked_->trailers.get() : nullptr;
    }
    [[nodiscard]] core::Failure const& failure() const override { return failure_; }
    [[nodiscard]] core::Socket& socket() override { return socket_; }

    [[nodiscard]] std::string_view whole() const override {
        // The rest of content that was begun to be taken is no whole.
        bool const untouched = remaining_ == framing_.length && in_.data().size() >= remaining_;
        return untouched ? in_.data().substr(0, remaining_) : std::string_view{};
    }
    [[nodiscard]] std::uint64_t plain_bytes() const override {
        return in_.empty() && !closed_ && !failed_ ? remaining_ : 0;
    }
    void moved_past(std::size_t bytes) override {
        remaining_ -= bytes;
        closed_ = bytes == 0;
    }
    /// Whether the message was read to its end, so that the next one may follow on the connection.
    [[nodiscard]] bool complete() const { return complete_; }
    [[nodiscard]] http::Framing const& framing() const { return framing_; }
    /// To be told of the head, as long as that is there: what its Connection names is no trailer.
    void heed_connection_options(http::Fields const& head);
    /// Content of known length that was not taken yet, in bytes.
    [[nodiscard]] std::uint64_t remaining() const { return remaining_; }

private:
    Step take_length();
    Step take_chunked();
    Step take_trailers();
    Step fail(core::FailureKind kind, std::string_view reason);

    core::ReadBuffer& in_;
    core::Socket& socket_;
    http::Framing framing_;
    Faults faults_;
    Limits limits_;
    std::uint64_t remaining_;  // of kind length
    bool closed_{false};       // the stream ended
    bool complete_{false};
    bool failed_{false};
    core::Failure failure_;
    std::optional<ChunkedState> chunked_;
};

/// Writes the content of one HTTP/1 message in the given framing.
class Http1ContentWriter : public ContentSink {
public:
    Http1ContentWriter(core::WorkerIo& io, core::Socket& socket, core::Outbox& outbox,
                       http::Framing::Kind framing = http::Framing::Kind::none)
        : io_{io}, socket_{socket}, outbox_{outbox}, framing_{framing} {}

    void set_framing(http::Framing::Kind framing) { framing_ = framing; }
    /// The connection is closed for sending as soon as the message is sent.
    void close_behind() { closes_ = true; }
    void content(std::string_view piece) override;
    void end(http::Fields const* trailers) override;
    core::Flow flush() override;
    [[nodiscard]] bool takes_plain_bytes() const override {
        return framing_ != http::Framing::Kind::chunked;
    }
    [[nodiscard]] core::Socket& socket() override { return socket_; }
    /// Where a head is written to, so that it leaves together with the first content.
    [[nodiscard]] core::Text& text() { return io_.gather.text(); }

private:
    core::WorkerIo& io_;
    core::Socket& socket_;
    core::Outbox& outbox_;
    http::Framing::Kind framing_;
    bool closes_{false};
    bool ended_{false};
};

}  // namespace reverse_proxy::relay
