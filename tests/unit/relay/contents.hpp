#pragma once

#include "reverse_proxy/http/encode.hpp"
#include "reverse_proxy/relay/http1_content.hpp"
#include "tests/unit/core/loop.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Reading content from a stream of the test's own.
namespace reverse_proxy::relay::test {

using core::test::Loop;
using core::test::Stream;
using http::Framing;
using State = ContentSource::State;

inline constexpr Http1ContentReader::Faults kFaults{core::FailureKind::response_malformed,
                                                    core::FailureKind::response_incomplete};
inline constexpr Http1ContentReader::Limits kLimits{Http1ContentReader::kNoLimit, {4096, 16}};

inline Framing length(std::uint64_t bytes) {
    return {.kind = Framing::Kind::length, .length = bytes};
}
inline Framing framing(Framing::Kind kind) {
    return {.kind = kind};
}

/// A stream whose received bytes are the content of one message.
struct Incoming {
    Incoming(Loop& worker, Framing const& how, Http1ContentReader::Limits const& limits = kLimits)
        : loop{worker}, stream{worker}, in{worker.io.scratch, worker.io.buffers},
          reader{in, stream.socket, how, kFaults, limits} {}

    /// Takes all that has arrived; how far that came.
    State receive(std::string_view bytes = {}) {
        if (!bytes.empty()) stream.peer.send(bytes);
        loop.settle();
        return pump();
    }
    State receive_end() {
        stream.peer.finish();
        loop.settle();
        State const state = pump();
        if (state != State::need_bytes) return state;
        loop.settle();  // the end may be told once all before it has been read
        return pump();
    }
    State pump() {
        for (;;) {
            ContentSource::Step const step = reader.take();
            switch (step.state) {
            case State::piece:
                EXPECT_FALSE(step.piece.empty());
                content += step.piece;
                break;
            case State::need_bytes:
                if (!stream.socket.ready(core::kReadable) || !reader.fill(core::Scratch::kSize))
                    return step.state;
                break;
            case State::end:
                if (reader.trailers() != nullptr && !trailers) {
                    core::Text text;
                    http::append_fields(text, *reader.trailers());
                    trailers.emplace(text.view());
                }
                return step.state;
            case State::failed:
                return step.state;
            }
        }
    }

    Loop& loop;
    Stream stream;
    core::ReadBuffer in;
    Http1ContentReader reader;
    std::string content;
    std::optional<std::string> trailers;
};

}  // namespace reverse_proxy::relay::test
