#include "reverse_proxy/upstream/attempt.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace reverse_proxy::upstream {

using core::Failure;
using core::FailureKind;
using core::kHungUp;
using core::kReadable;
using core::kReset;
using core::kWritable;
using core::Result;
using core::Task;
using core::Wake;
using http::Framing;
using relay::Moved;
using relay::Reader;

namespace {

Reader reader_if(bool counts, core::Socket const& socket, bool full) {
    return counts || full ? Reader{socket, full} : Reader{};
}

Failure client_stalled() {
    return {FailureKind::content_timeout, "no content from the client in STREAM_IDLE_TIMEOUT_MS"};
}

Failure connect_failure(int error) {
    switch (error) {
    case ECONNREFUSED:
        return {FailureKind::connect_refused, "connection refused"};
    case ETIMEDOUT:
        return {FailureKind::connect_timeout, "connect timed out in the kernel"};
    case EADDRNOTAVAIL:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return {FailureKind::connect_no_local_port,
                "no local port or descriptor left for a connection"};
    case ECONNRESET:
        return {FailureKind::connect_refused, "reset while connecting"};
    default:
        return {FailureKind::connect_unroutable, "endpoint is not reachable"};
    }
}

/// `timeout` of a Keep-Alive field in seconds (RFC 2068, 19.7.1.1, and every origin since), if it
/// says one.
std::optional<std::chrono::seconds> keep_alive_timeout(std::string_view value) {
    std::size_t const at = value.find("timeout=");
    if (at == std::string_view::npos) return {};
    unsigned number = 0;
    char const* const begin = value.data() + at + 8;
    if (std::from_chars(begin, value.data() + value.size(), number).ec != std::errc{}) return {};
    return std::chrono::seconds{number};
}

}  // namespace

relay::ContentSource::Step ReplayableContent::take() {
    if (replayed_ < kept_.size()) {
        std::string_view const piece = std::string_view{kept_}.substr(replayed_);
        replayed_ = kept_.size();
        lent_ = true;
        return {State::piece, piece};
    }
    Step const step = live_.take();
    if (step.state != State::piece) return step;
    taken_ += step.piece.size();
    if (forgotten_) return step;
    if (!lent_ && kept_.size() + step.piece.size() <= limit_) {
        kept_.append(step.piece);
        replayed_ = kept_.size();
        return step;
    }
    forgotten_ = true;
    if (!lent_) {  // or the slice must stay where it is
        kept_.clear();
        kept_.shrink_to_fit();
        replayed_ = 0;
    }
    return step;
}

Attempt::Attempt(core::WorkerIo& io, config::UpstreamSettings const& settings, Call& call,
                 std::shared_ptr<ConnectionPool> pool, ReplayableContent* streamed)
    : io_{io}, settings_{settings}, call_{call}, pool_{std::move(pool)}, streamed_{streamed},
      progress_{io.reactor, settings.stream_idle_timeout} {}

Task<Result<void>> Attempt::run(bool fresh, http::ResponseHead& head) {
    if (fresh || !take_idle_connection()) {
        if (Result<void> connected = co_await connect(); !connected) co_return connected.error();
    }
    if (Result<void> sent = send_request(); !sent) co_return sent.error();
    for (;;) {
        Result<HeadState> const state = read_head(head);
        if (!state) co_return state.error();
        if (*state == HeadState::final) co_return Result<void>{};
        if (*state == HeadState::interim) continue;
        if (upload_ == Upload::sending && upload_stopped_at_ == Moved::turn_over) {
            co_await core::YieldTurn{io_.reactor};
        } else {
            Reader const origin = reader_if(false, lease_->socket, upload_blocked());
            Wake const wake = co_await core::Wait{
                io_.reactor,     *call_.client,       client_interest(),
                &lease_->socket, upstream_interest(), progress_.next_look(head_deadline(), origin)};
            progress_.heed(origin);
            if (wake == Wake::timed_out && io_.reactor.now() < head_deadline()) continue;
            if (Result<void> waited = wait_result(wake); !waited) co_return waited.error();
        }
        if (upload_ == Upload::sending) {
            if (Result<void> uploaded = upload(); !uploaded) co_return uploaded.error();
        }
    }
}

bool Attempt::take_idle_connection() {
    // Where it turns out to be closed, neither could be sent again.
    bool const careful = streamed_ != nullptr || !http::is_idempotent(call_.method);
    lease_ = pool_->take(careful);
    connection_reused_ = static_cast<bool>(lease_);
    return connection_reused_;
}

Task<Result<void>> Attempt::connect() {
    int error = 0;
    lease_ = pool_->start_connect(error);
    if (!lease_) co_return connect_failure(error);
    core::Socket& socket = lease_->socket;
    if (!socket.ready(kWritable)) {
        core::TimePoint const deadline =
            std::min(io_.reactor.now() + settings_.connect_timeout, call_.deadline);
        Wake const wake = co_await core::Wait{io_.reactor, *call_.client, call_.departure(),
                                              &socket,     kWritable,     deadline};
        if (wake == Wake::cancelled)
            co_return Failure{FailureKind::shutdown_cut, "cut by shutdown"};
        if (!socket.ready(kWritable)) {
            if (wake == Wake::timed_out)
                co_return Failure{FailureKind::connect_timeout, "connect timed out"};
            call_.client_gone = true;
            co_return Failure{FailureKind::client_gone, "client went away while connecting"};
        }
    }
    if (int const failed = socket.take_error(); failed != 0) co_return connect_failure(failed);
    pool_->cells().connections_opened.add(1);
    co_return Result<void>{};
}

/// The head leaves together with what is in hand of the content.
Result<void> Attempt::send_request() {
    RequestContent const& content = call_.content;
    Connection& connection = *lease_;
    call_.request->write(io_.gather.text(), pool_->endpoint());
    request_bytes_sent_ = true;
    progress_.note();
    upload_ = Upload::sending;
    writer_.emplace(io_, connection.socket, connection.out, content.framing);
    if (streamed_ != nullptr) {
        streamed_->rewind();
        upload_move_.emplace(*streamed_, *writer_, &io_.pipes);
    } else if (content.whole != nullptr) {
        writer_->content(content.whole->whole());
    }
    return upload();
}

void Attempt::request_complete() {
    upload_ = Upload::complete;
    core::TimePoint const now = io_.reactor.now();
    if (call_.deadline == core::kNever) call_.deadline = now + settings_.request_timeout;
    if (settings_.attempt_timeout.count() > 0) attempt_deadline_ = now + settings_.attempt_timeout;
}

/// Moves what the client has sent on to the origin. Fails for the client's faults only: an origin
/// that takes no more may still answer.
Result<void> Attempt::upload() {
    if (!upload_move_) {
        switch (writer_->flush()) {
        case core::Flow::broken:
            upload_ = Upload::broken;
            break;
        case core::Flow::done:
            request_complete();
            break;
        case core::Flow::blocked:
            upload_stopped_at_ = Moved::sink_full;
            break;
        }
        return {};
    }
    std::uint64_t const before = upload_move_->bytes();
    upload_stopped_at_ = upload_move_->run();
    if (upload_move_->bytes() != before) progress_.note();
    switch (upload_stopped_at_) {
    case Moved::complete:
        request_complete();
        break;
    case Moved::sink_broken:
        upload_ = Upload::broken;
        break;
    case Moved::source_failed:
        call_.client_gone = streamed_->failure().kind == FailureKind::client_gone;
        return streamed_->failure();
    case Moved::source_empty:
    case Moved::sink_full:
    case Moved::turn_over:
        break;
    }
    return {};
}

core::Readiness Attempt::client_interest() const {
    if (upload_ != Upload::sending) return kHungUp;
    // Bytes may still lie behind a FIN while content is uploaded: reading finds the end in its
    // turn.
    if (upload_stopped_at_ == Moved::source_empty) return kReadable;
    return upload_move_ ? kReset : kHungUp;
}

core::Readiness Attempt::upstream_interest() const {
    core::Readiness interest = kReadable;
    if (upload_blocked()) interest |= kWritable;
    return interest;
}

core::TimePoint Attempt::head_deadline() const {
    if (upload_ == Upload::sending) return progress_.deadline();
    if (upload_ == Upload::broken) return progress_.at() + settings_.request_timeout;
    return std::min(call_.deadline, attempt_deadline_);
}

Result<void> Attempt::wait_result(Wake wake) const {
    if (wake == Wake::cancelled) return Failure{FailureKind::shutdown_cut, "cut by shutdown"};
    if (wake == Wake::timed_out) {
        if (awaits_client()) return client_stalled();
        return Failure{FailureKind::response_timeout,
                       upload_ == Upload::sending
                           ? "origin took no content in STREAM_IDLE_TIMEOUT_MS"
                           : "no response head in time"};
    }
    if (departed(client_interest())) {
        call_.client_gone = true;
        return Failure{FailureKind::client_gone, "client went away while the response was awaited"};
    }
    return {};
}

/// Whether the client has gone, where its going is among what was waited for.
bool Attempt::departed(core::Readiness awaited) const {
    return call_.client->ready(awaited & (kHungUp | kReset));
}

Failure Attempt::closed_early() const {
    return {FailureKind::connection_terminated, response_bytes_received_
                                                    ? "closed within the response's head"
                                                    : "closed before the response's head"};
}

Result<Attempt::HeadState> Attempt::read_head(http::ResponseHead& head) {
    Connection& connection = *lease_;
    http::HeadLimits const limits{settings_.max_header_bytes, kMaxFields};
    for (;;) {
        auto const size = http::read_head(connection.in.data(), limits, scanner_, head);
        if (!size) return size.error();
        if (*size != 0) return accept_head(*size, head);
        if (!connection.socket.ready(kReadable)) return HeadState::incomplete;
        core::IoResult const result =
            connection.in.fill(connection.socket, core::ReadBuffer::kFirstRead);
        if (result.status == core::IoResult::Status::would_block) return HeadState::incomplete;
        if (result.status != core::IoResult::Status::ok) return closed_early();
        response_bytes_received_ = true;
    }
}

Result<Attempt::HeadState> Attempt::accept_head(std::size_t size, http::ResponseHead& head) {
    auto const framing = http::response_framing(head, call_.method == http::Method::head);
    if (!framing) return framing.error();
    lease_->in.consume(size);
    scanner_.reset();
    if (head.status == 101) {
        if (!call_.wants_upgrade)
            return Failure{FailureKind::response_malformed, "101 that nobody asked for"};
        framing_ = {};
        return HeadState::final;
    }
    if (head.status < 200) {
        // 16 interim responses to one request: more is an attack on the client (or a broken
        // origin).
        if (++interim_count_ > 16)
            return Failure{FailureKind::response_malformed, "endless interim responses"};
        if (call_.interim == nullptr) return HeadState::interim;
        call_.interim_sent = true;
        if (!call_.interim->interim(head)) {
            call_.client_gone = true;
            return Failure{FailureKind::client_gone, "client went away at an interim response"};
        }
        return HeadState::interim;
    }
    framing_ = *framing;
    keep_alive_ = http::wants_keep_alive(head.fields, head.minor_version) &&
                  framing_.kind != Framing::Kind::until_close && framing_.connection_reusable;
    if (head.fields.has(http::FieldId::keep_alive)) {
        if (auto const timeout =
                keep_alive_timeout(head.fields.value_of(http::FieldId::keep_alive))) {
            // A tenth of a second early, or the origin's close and our next request cross on the
            // way.
            lease_->idle_limit = std::min<core::Duration>(
                settings_.idle_timeout, *timeout - std::chrono::milliseconds{100});
        }
    }
    reader_.emplace(lease_->in, lease_->socket, framing_,
                    relay::Http1ContentReader::Faults{FailureKind::response_malformed,
                                                      FailureKind::response_incomplete},
                    relay::Http1ContentReader::Limits{relay::Http1ContentReader::kNoLimit,
                                                      {settings_.max_header_bytes, kMaxFields}});
    reader_->heed_connection_options(head.fields);
    return HeadState::final;
}

Result<void> Attempt::relay_wake(Wake wake, core::Readiness client, bool client_full) const {
    if (wake == Wake::cancelled) return Failure{FailureKind::shutdown_cut, "cut by shutdown"};
    if (wake == Wake::timed_out && !client_full) {
        if (awaits_client()) return client_stalled();
        return Failure{FailureKind::response_incomplete,
                       "origin sent no content in STREAM_IDLE_TIMEOUT_MS"};
    }
    bool const gone = departed(client);
    if (wake == Wake::timed_out || gone) {
        call_.client_gone = true;
        return Failure{FailureKind::client_gone,
                       gone ? "client went away during the response"
                            : "client took no content in STREAM_IDLE_TIMEOUT_MS"};
    }
    return {};
}

Task<Result<void>> Attempt::relay(relay::ContentSink& sink, std::uint64_t& bytes) {
    relay::ContentMove download{*reader_, sink, &io_.pipes};
    progress_.note();
    for (;;) {
        // First the response, whose head waits to leave together with its first content.
        Moved const moved = download.run();
        if (download.bytes() != bytes) progress_.note();
        bytes = download.bytes();
        if (moved == Moved::complete) co_return Result<void>{};
        if (moved == Moved::source_failed) co_return reader_->failure();
        if (moved == Moved::sink_broken) {
            call_.client_gone = true;
            co_return Failure{FailureKind::client_gone, "client went away during the response"};
        }
        if (upload_ == Upload::sending) {
            if (Result<void> uploaded = upload(); !uploaded) co_return uploaded.error();
        }
        bool const more_to_upload =
            upload_ == Upload::sending && upload_stopped_at_ == Moved::turn_over;
        if (moved == Moved::turn_over || more_to_upload) {
            co_await core::YieldTurn{io_.reactor};
            continue;
        }
        lease_->in.release();
        core::Readiness client = moved == Moved::sink_full ? kWritable : core::Readiness{0};
        core::Readiness upstream = moved == Moved::source_empty ? kReadable : core::Readiness{0};
        if (upload_ == Upload::sending) {
            client |= client_interest();
            if (upload_blocked()) upstream |= kWritable;
        } else {
            client |= kHungUp;
        }
        bool const client_full = moved == Moved::sink_full;
        Reader const slow_client = reader_if(false, *call_.client, client_full);
        Reader const slow_origin =
            reader_if(streamed_ != nullptr && !client_full, lease_->socket, upload_blocked());
        Wake const wake = co_await core::Wait{
            io_.reactor, *call_.client,
            client,      &lease_->socket,
            upstream,    progress_.next_look(progress_.deadline(), slow_client, slow_origin)};
        progress_.heed(slow_client);
        progress_.heed(slow_origin);
        if (wake == Wake::timed_out && io_.reactor.now() < progress_.deadline()) continue;
        if (auto woken = relay_wake(wake, client, client_full); !woken) co_return woken.error();
    }
}

Task<Result<void>> Attempt::tunnel(relay::ContentSource& from_client, relay::ContentSink& to_client,
                                   std::uint64_t& bytes_up, std::uint64_t& bytes_down) {
    Framing const raw{.kind = Framing::Kind::until_close};
    Connection& connection = *lease_;
    reader_.emplace(connection.in, connection.socket, raw,
                    relay::Http1ContentReader::Faults{FailureKind::response_malformed,
                                                      FailureKind::response_incomplete},
                    relay::Http1ContentReader::Limits{relay::Http1ContentReader::kNoLimit,
                                                      {settings_.max_header_bytes, 1}});
    writer_.emplace(io_, connection.socket, connection.out, raw.kind);
    relay::ContentMove down{*reader_, to_client, nullptr};
    relay::ContentMove up{from_client, *writer_, nullptr};
    progress_.note();
    Moved down_at = Moved::source_empty;
    Moved up_at = Moved::source_empty;
    auto const run = [&](relay::ContentMove& move, Moved& at, core::Socket& to,
                         std::uint64_t& bytes) {
        if (at == Moved::complete) return;
        at = move.run();
        if (move.bytes() != bytes) progress_.note();
        bytes = move.bytes();
        if (at != Moved::complete) return;
        progress_.note();  // from now on the other one has so long to follow
        to.shutdown_send();
    };
    for (;;) {
        run(down, down_at, to_client.socket(), bytes_down);
        run(up, up_at, connection.socket, bytes_up);
        if (down_at == Moved::complete && up_at == Moved::complete) co_return Result<void>{};
        if (down_at == Moved::sink_broken || up_at == Moved::source_failed) {
            co_return Failure{FailureKind::client_gone, "client broke the tunnel"};
        }
        if (up_at == Moved::sink_broken || down_at == Moved::source_failed) {
            co_return Failure{FailureKind::response_incomplete, "origin broke the tunnel"};
        }
        if (down_at == Moved::turn_over || up_at == Moved::turn_over) {
            co_await core::YieldTurn{io_.reactor};
            continue;
        }
        connection.in.release();
        core::Readiness client = 0;
        core::Readiness upstream = 0;
        if (up_at == Moved::source_empty) client |= kReadable;
        if (down_at == Moved::sink_full) client |= kWritable;
        if (down_at == Moved::source_empty) upstream |= kReadable;
        if (up_at == Moved::sink_full) upstream |= kWritable;
        if (client == 0) client = kReset;
        // Once one end has closed, the other has only so long to follow.
        bool const half_closed = down_at == Moved::complete || up_at == Moved::complete;
        core::Duration const patience =
            half_closed ? settings_.stream_idle_timeout : settings_.tunnel_idle_timeout;
        Reader const slow_client =
            reader_if(half_closed, *call_.client, down_at == Moved::sink_full);
        Reader const slow_origin =
            reader_if(half_closed, connection.socket, up_at == Moved::sink_full);
        Wake const wake = co_await core::Wait{
            io_.reactor, *call_.client,
            client,      &connection.socket,
            upstream,    progress_.next_look(progress_.at() + patience, slow_client, slow_origin)};
        progress_.heed(slow_client);
        progress_.heed(slow_origin);
        if (wake == Wake::cancelled)
            co_return Failure{FailureKind::shutdown_cut, "tunnel cut by shutdown"};
        if (departed(client))
            co_return Failure{FailureKind::client_gone, "client broke the tunnel"};
        if (wake != Wake::timed_out || io_.reactor.now() < progress_.at() + patience) continue;
        if (down_at == Moved::sink_full)
            co_return Failure{FailureKind::client_gone,
                              "client took nothing of the tunnel in time"};
        if (up_at == Moved::sink_full) {
            co_return Failure{FailureKind::response_incomplete,
                              "origin took nothing of the tunnel in time"};
        }
        co_return Result<void>{};
    }
}

void Attempt::finish() {
    bool const whole = upload_ == Upload::complete && keep_alive_ && reader_ && reader_->complete();
    if (whole) {
        lease_.give_back();
    } else {
        lease_.close();
    }
}

}  // namespace reverse_proxy::upstream
