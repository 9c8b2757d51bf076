#pragma once

#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/core/gather.hpp"
#include "reverse_proxy/core/pipe.hpp"
#include "reverse_proxy/http/head.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reverse_proxy::relay {

/// Where the content of a message comes from: decoded bytes, whatever framing they travelled in.
class ContentSource {
public:
    enum class State : std::uint8_t {
        piece,       // `piece` is the next part of the content
        need_bytes,  // nothing in hand: fill() when the socket is readable
        end,         // all was taken; trailers() are valid as long as the source
        failed,      // see failure()
    };
    struct Step {
        State state;
        std::string_view piece;  // valid until the next fill() of any source
    };

    ContentSource() = default;
    ContentSource(ContentSource const&) = delete;
    ContentSource& operator=(ContentSource const&) = delete;
    virtual ~ContentSource() = default;

    /// Takes the next piece out of what was received. No I/O.
    virtual Step take() = 0;
    /// Reads once, at most `most` bytes; false: nothing came (the socket is not readable any more).
    /// An end of the stream shows in the next take().
    virtual bool fill(std::size_t most) = 0;
    [[nodiscard]] virtual http::Fields const* trailers() const = 0;
    [[nodiscard]] virtual core::Failure const& failure() const = 0;
    [[nodiscard]] virtual core::Socket& socket() = 0;
    /// Content of known length that is in hand as a whole and was not taken; "" for any other.
    [[nodiscard]] virtual std::string_view whole() const { return {}; }
    /// Bytes that are still to come on the socket, each of them content, when none is in hand: they
    /// may be moved past the source, if it is told. 0: only take() will do.
    [[nodiscard]] virtual std::uint64_t plain_bytes() const { return 0; }
    /// So many of plain_bytes() were moved; 0: the stream ended instead.
    virtual void moved_past(std::size_t /*bytes*/) {}
};

/// Where content goes to. Pieces are collected until flush(), which sends them at once.
class ContentSink {
public:
    ContentSink() = default;
    ContentSink(ContentSink const&) = delete;
    ContentSink& operator=(ContentSink const&) = delete;
    virtual ~ContentSink() = default;

    virtual void content(std::string_view piece) = 0;
    /// The content is complete.
    virtual void end(http::Fields const* trailers) = 0;
    /// Sends what was collected; `blocked`: call again when the socket is writable.
    virtual core::Flow flush() = 0;
    /// Whether content may be put on the socket as it is, once flush() is done.
    [[nodiscard]] virtual bool takes_plain_bytes() const { return false; }
    [[nodiscard]] virtual core::Socket& socket() = 0;
};

/// How far content could be moved without waiting.
enum class Moved : std::uint8_t {
    complete,
    source_empty,
    sink_full,
    source_failed,
    sink_broken,
    turn_over
};

/// Moves the content of one message from a source to a sink, holding at most one read of it. Where
/// both sides carry long content as it is, the kernel moves it (splice(2)), and what is held is a
/// pipe's worth.
class ContentMove {
public:
    /// Content of which less is to come is copied (docs/adr/0007).
    static constexpr std::uint64_t kSpliceFrom = 32 * 1024;

    /// @param pipes  null: all is copied
    ContentMove(ContentSource& source, ContentSink& sink, core::PipePool* pipes)
        : source_{source}, sink_{sink}, pipes_{pipes} {}

    /// Moves as much as can be moved now. `turn_over`: more could be, but others should have their
    /// turn first; of the source nothing is in hand then.
    Moved run();
    /// Content moved so far, in bytes.
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] bool complete() const { return complete_; }

private:
    enum class Spliced : std::uint8_t { more, source_empty, sink_full, sink_broken, copy_instead };

    Moved move();
    ContentSource::State collect();
    [[nodiscard]] bool may_splice() const;
    Spliced splice();
    Spliced drain();
    [[nodiscard]] std::size_t next_read() const;

    ContentSource& source_;
    ContentSink& sink_;
    core::PipePool* pipes_;
    core::Pipe pipe_;  // while bytes are on their way
    bool splicing_{false};
    std::uint64_t bytes_{0};
    bool ended_{false};
    bool complete_{false};
};

}  // namespace reverse_proxy::relay
