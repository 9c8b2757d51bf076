#include "reverse_proxy/relay/http1_content.hpp"

#include "reverse_proxy/http/connection_options.hpp"
#include "reverse_proxy/http/encode.hpp"

#include <algorithm>
#include <array>

namespace reverse_proxy::relay {

using http::Framing;

Http1ContentReader::Http1ContentReader(core::ReadBuffer& in, core::Socket& socket, Framing framing,
                                       Faults faults, Limits limits)
    : in_{in}, socket_{socket}, framing_{framing}, faults_{faults}, limits_{limits},
      remaining_{framing.kind == Framing::Kind::length ? framing.length : 0} {
    if (framing.kind == Framing::Kind::chunked) chunked_.emplace();
}

ContentSource::Step Http1ContentReader::fail(core::FailureKind kind, std::string_view reason) {
    failed_ = true;
    failure_ = {kind, reason};
    return {State::failed, {}};
}

void Http1ContentReader::heed_connection_options(http::Fields const& head) {
    if (chunked_) http::collect_connection_options(head, chunked_->connection_options);
}

ContentSource::Step Http1ContentReader::take() {
    if (failed_) return {State::failed, {}};
    if (complete_) return {State::end, {}};
    switch (framing_.kind) {
    case Framing::Kind::none:
        complete_ = true;
        return {State::end, {}};
    case Framing::Kind::length:
        return take_length();
    case Framing::Kind::chunked:
        return chunked_->in_trailers ? take_trailers() : take_chunked();
    case Framing::Kind::until_close:
        break;
    }
    std::string_view const piece = in_.data();
    in_.consume(piece.size());
    if (!piece.empty()) return {State::piece, piece};
    complete_ = closed_;
    return {closed_ ? State::end : State::need_bytes, {}};
}

ContentSource::Step Http1ContentReader::take_length() {
    if (remaining_ == 0) {
        complete_ = true;
        return {State::end, {}};
    }
    std::string_view const piece = in_.data().substr(0, remaining_);
    if (piece.empty()) {
        if (closed_) return fail(faults_.cut_short, "closed before the end of the content");
        return {State::need_bytes, {}};
    }
    in_.consume(piece.size());
    remaining_ -= piece.size();
    return {State::piece, piece};
}

ContentSource::Step Http1ContentReader::take_chunked() {
    while (!in_.empty()) {
        http::ChunkDecoder::Step const step = chunked_->decoder.decode(in_.data());
        in_.consume(step.consumed);
        switch (step.status) {
        case http::ChunkDecoder::Status::content:
            chunked_->taken += step.content.size();
            if (chunked_->taken > limits_.max_content_bytes) {
                return fail(core::FailureKind::content_too_large,
                            "chunked content is longer than allowed");
            }
            return {State::piece, step.content};
        case http::ChunkDecoder::Status::need_more:
            break;
        case http::ChunkDecoder::Status::trailers:
            chunked_->in_trailers = true;
            return take_trailers();
        case http::ChunkDecoder::Status::failed:
            return fail(faults_.malformed, chunked_->decoder.reason());
        }
    }
    if (closed_) return fail(faults_.cut_short, "closed before the last chunk");
    return {State::need_bytes, {}};
}

ContentSource::Step Http1ContentReader::take_trailers() {
    std::string_view const bytes = in_.data();
    if (bytes.starts_with("\r\n")) {  // no trailers, as nearly always
        in_.consume(2);
        complete_ = true;
        return {State::end, {}};
    }
    http::HeadScanner& scanner = chunked_->scanner;
    switch (scanner.scan(bytes, limits_.trailers)) {
    case http::HeadScanner::Status::failed:
        return fail(faults_.malformed, "trailer section malformed or too large");
    case http::HeadScanner::Status::incomplete:
        if (closed_) return fail(faults_.cut_short, "closed within the trailer section");
        return {State::need_bytes, {}};
    case http::HeadScanner::Status::complete:
        break;
    }
    chunked_->trailer_text.assign(bytes.substr(0, scanner.size()));
    chunked_->trailers = std::make_unique<http::Fields>();
    http::Fields& trailers = *chunked_->trailers;
    if (!http::parse_trailers(chunked_->trailer_text, limits_.trailers, trailers))
        return fail(faults_.malformed, "trailer field malformed");
    http::drop_connection_options(trailers, chunked_->connection_options);
    in_.consume(scanner.size());
    complete_ = true;
    return {State::end, {}};
}

bool Http1ContentReader::fill(std::size_t most) {
    if (closed_) return true;
    core::IoResult const result = in_.fill(socket_, most);
    switch (result.status) {
    case core::IoResult::Status::ok:
        return true;
    case core::IoResult::Status::would_block:
        return false;
    case core::IoResult::Status::end_of_stream:
    case core::IoResult::Status::failed:
        break;
    }
    closed_ = true;
    if (result.status == core::IoResult::Status::failed &&
        framing_.kind == Framing::Kind::until_close) {
        fail(faults_.cut_short, "reset before the end of the content");
    }
    return true;
}

void Http1ContentWriter::content(std::string_view piece) {
    if (framing_ != Framing::Kind::chunked) {
        io_.gather.content(piece);
        return;
    }
    if (piece.empty()) return;  // a chunk of size 0 would end the content (RFC 9112, 7.1)
    std::array<char, 18> size{};
    text().append(std::string_view{size.data(), http::write_chunk_size(size.data(), piece.size())});
    io_.gather.content(piece);
    text().append("\r\n");
}

void Http1ContentWriter::end(http::Fields const* trailers) {
    ended_ = true;
    if (framing_ != Framing::Kind::chunked) return;
    text().append("0\r\n");
    if (trailers != nullptr) http::append_fields(text(), *trailers);
    text().append("\r\n");
}

core::Flow Http1ContentWriter::flush() {
    core::Push const push = closes_ && ended_ ? core::Push::with_end : core::Push::now;
    return io_.gather.send(socket_, outbox_, io_.buffers, push);
}

}  // namespace reverse_proxy::relay
