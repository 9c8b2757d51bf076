#pragma once

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/http/method.hpp"
#include "reverse_proxy/relay/content.hpp"
#include "reverse_proxy/telemetry/span.hpp"
#include "reverse_proxy/upstream/encoded_request.hpp"

#include <memory>
#include <optional>

namespace reverse_proxy::upstream {

class Attempt;
class ConnectionPool;

/// Takes interim responses (1xx) that arrive before the final one.
class InterimSink {
public:
    virtual ~InterimSink() = default;
    /// @return false where the client is gone
    virtual bool interim(http::ResponseHead& head) = 0;
};

/// The request's content as the attempts need it.
struct RequestContent {
    relay::ContentSource* source{nullptr};
    /// Content that was read whole before the first attempt (STREAM_THRESHOLD_BYTES): asked for
    /// anew for every attempt, since its bytes may move while an attempt waits. Null: the content
    /// is streamed, or there is none.
    relay::ContentSource const* whole{nullptr};
    /// Streamed content keeps a copy of up to this many bytes, so that it can be sent again.
    std::size_t replay_limit{0};
    http::Framing::Kind framing{http::Framing::Kind::none};
};

/// One request on its way to the upstream, over all its attempts: what is asked, and what came of
/// it.
struct Call {
    // What is asked.
    http::Method method{http::Method::get};
    EncodedRequest* request{nullptr};
    RequestContent content;
    core::Socket* client{nullptr};  // watched for the client's departure
    InterimSink* interim{nullptr};  // null: the client's HTTP/1.0 has none (RFC 9110, 15.2)
    bool wants_upgrade{false};
    core::TimePoint asked_at;                 // the first attempt's start
    bool streamed{false};                     // content is still coming in while attempts are made
    telemetry::SpanRecorder* spans{nullptr};  // of a sampled request: takes one for each attempt
    telemetry::SpanContext* span{nullptr};    // where `spans` is set
    core::TimePoint deadline{
        core::kNever};  // of the final response's head; set once the request is whole

    /// How the client's departure shows while nothing else is expected of it. One that streams its
    /// content may have sent all and half-closed, with bytes still before the FIN.
    [[nodiscard]] core::Readiness departure() const {
        return streamed ? core::kReset : core::kHungUp;
    }

    // What came of it.
    unsigned attempts{0};
    std::shared_ptr<ConnectionPool> pool;  // of the last attempt
    core::TimePoint answered_at;           // the last attempt's end or its response's head
    core::Duration upstream_latency{0};    // from that attempt's start until then
    bool interim_sent{false};
    bool client_gone{false};
};

}  // namespace reverse_proxy::upstream
