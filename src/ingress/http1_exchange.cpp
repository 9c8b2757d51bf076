#include "http1_exchange.hpp"

#include "reverse_proxy/http/encode.hpp"
#include "reverse_proxy/http/failure_status.hpp"
#include "reverse_proxy/modifiers/response_modifiers.hpp"

#include <algorithm>

namespace reverse_proxy::ingress {

using core::Failure;
using core::FailureKind;
using core::Result;
using core::Task;
using http::Framing;
using relay::Http1ContentReader;

namespace {

/// The longest content that a request may bring in chunks.
std::uint64_t longest_chunked(config::ClientSettings const& settings) {
    std::uint64_t const most =
        settings.max_body_bytes != 0 ? settings.max_body_bytes : Http1ContentReader::kNoLimit;
    if (settings.stream_large_bodies) return most;
    return std::min<std::uint64_t>(most, settings.stream_threshold_bytes);
}

constexpr Http1ContentReader::Faults kFaults{FailureKind::request_malformed,
                                             FailureKind::client_gone};

void append_status_line(core::Text& text, unsigned status, std::string_view reason) {
    text.append("HTTP/1.1 ");
    http::append_number(text, status);
    text.append(" ", reason, "\r\n");
}

}  // namespace

Http1Exchange::Http1Exchange(Connection& connection, http::RequestHead const& head,
                             Framing const& framing)
    : connection_{connection}, framing_{framing},
      reader_{connection.in_, connection.socket_, framing, kFaults,
              Http1ContentReader::Limits{longest_chunked(connection.clients_.settings),
                                         {connection.clients_.settings.max_header_bytes,
                                          connection.clients_.settings.max_header_count}}},
      writer_{connection.clients_.io, connection.socket_, connection.out_},
      minor_version_{head.minor_version}, keep_alive_{http::wants_keep_alive(head.fields,
                                                                             head.minor_version)} {
    reader_.heed_connection_options(head.fields);
}

bool Http1Exchange::draining() const {
    return connection_.clients_.pipeline.shared().draining.load(std::memory_order_relaxed);
}

Task<Result<void>> Http1Exchange::receive_whole() {
    core::Reactor& reactor = connection_.clients_.io.reactor;
    while (connection_.in_.data().size() < framing_.length) {
        if (!connection_.socket_.ready(core::kReadable)) {
            core::TimePoint const deadline =
                reactor.now() + connection_.clients_.upstream.stream_idle_timeout;
            core::Wake const wake =
                co_await core::Wait{reactor, connection_.socket_, core::kReadable, deadline};
            if (wake == core::Wake::cancelled)
                co_return Failure{FailureKind::shutdown_cut, "cut by shutdown"};
            if (wake == core::Wake::timed_out) {
                co_return Failure{FailureKind::content_timeout,
                                  "no content in STREAM_IDLE_TIMEOUT_MS"};
            }
        }
        core::IoResult const result = connection_.in_.fill(connection_.socket_);
        if (result.status == core::IoResult::Status::end_of_stream ||
            result.status == core::IoResult::Status::failed) {
            co_return Failure{FailureKind::client_gone, "client went away within its content"};
        }
    }
    co_return Result<void>{};
}

void Http1Exchange::write_connection_field() {
    core::Text& text = writer_.text();
    if (!keep_alive_) {
        text.append("Connection: close\r\n");
    } else if (minor_version_ == 0) {
        text.append("Connection: keep-alive\r\n");
    }
}

relay::ContentSink& Http1Exchange::begin_response(http::ResponseHead& head,
                                                  Framing const& framing) {
    begun_ = true;
    skip_whole();
    connection_.in_.release();  // the response may take long
    core::Text& text = writer_.text();
    append_status_line(text, head.status, head.reason_phrase);
    Framing::Kind kind = framing.kind;
    // Content of unknown length: chunked, so that the client can tell a cut from the end; HTTP/1.0
    // knows only the close.
    if (kind == Framing::Kind::until_close || kind == Framing::Kind::chunked) {
        kind = minor_version_ > 0 ? Framing::Kind::chunked : Framing::Kind::until_close;
    }
    if (head.status == 101) {
        http::append_fields(text, head.fields);
        text.append("Connection: upgrade\r\n\r\n");
        keep_alive_ = false;
        writer_.set_framing(Framing::Kind::until_close);
        return writer_;
    }
    if (kind == Framing::Kind::until_close || draining() || !request_complete())
        keep_alive_ = false;
    http::append_fields(text, head.fields);
    if (kind == Framing::Kind::chunked) text.append("Transfer-Encoding: chunked\r\n");
    write_connection_field();
    text.append("\r\n");
    writer_.set_framing(kind);
    if (!keep_alive_) writer_.close_behind();
    return writer_;
}

relay::ContentSource& Http1Exchange::tunnel_source() {
    tunnel_reader_.emplace(connection_.in_, connection_.socket_,
                           Framing{.kind = Framing::Kind::until_close}, kFaults,
                           Http1ContentReader::Limits{Http1ContentReader::kNoLimit, {1024, 1}});
    return *tunnel_reader_;
}

void Http1Exchange::respond(http::LocalResponse const& response, std::string_view request_id,
                            bool with_content) {
    begun_ = true;
    skip_whole();
    if (draining() || !request_complete()) keep_alive_ = false;
    core::Text& text = writer_.text();
    append_status_line(text, response.status, http::reason_phrase(response.status));
    if (!response.content_type.empty())
        http::append_field(text, "Content-Type", response.content_type);
    text.append("Content-Length: ");
    http::append_number(text, response.content.size());
    text.append("\r\n");
    http::append_field(text, "Date", connection_.clients_.pipeline.date());
    for (auto const& [name, value] : response.fields)
        http::append_field(text, name, value);
    http::append_field(text, "X-Request-Id", request_id);
    write_connection_field();
    text.append("\r\n");
    writer_.set_framing(Framing::Kind::length);
    if (!keep_alive_) writer_.close_behind();
    if (with_content) writer_.content(response.content);
    writer_.end(nullptr);
    if (writer_.flush() == core::Flow::broken) broken_ = true;
}

bool Http1Exchange::interim(http::ResponseHead& head) {
    modifiers::modify_interim_response(head);
    core::Text& text = writer_.text();
    append_status_line(text, head.status, head.reason_phrase);
    http::append_fields(text, head.fields);
    text.append("\r\n");
    broken_ = writer_.flush() == core::Flow::broken;
    return !broken_;
}

void Http1Exchange::cut() {
    broken_ = true;
    keep_alive_ = false;
}

void Http1Exchange::skip_whole() {
    while (reader_.framing().kind == Framing::Kind::length && !reader_.complete() &&
           reader_.whole().size() == reader_.remaining()) {
        static_cast<void>(reader_.take());
    }
}

}  // namespace reverse_proxy::ingress
