#include "tests/support/fault_connection.hpp"

#include "tests/support/malformed_responses.hpp"
#include "tests/support/os.hpp"
#include "tests/support/pattern.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

namespace reverse_proxy::test_support {
namespace {

constexpr std::size_t kRecordedContentBytes = 256 * 1024;
constexpr std::size_t kPieceBytes = 64 * 1024;
/// A send that moves nothing for this long counts as blocked by the reader.
constexpr std::chrono::milliseconds kBlockedAfter{300};
constexpr std::chrono::seconds kSendBound{60};

std::pair<std::string, std::string> name_and_value(std::string const& text) {
    auto const colon = text.find(':');
    return {text.substr(0, colon), text.substr(colon + 1)};
}

SeenRequest seen(MessageHead head, std::size_t connection) {
    SeenRequest request;
    std::istringstream line{head.start_line};
    line >> request.method >> request.target >> request.version;
    request.raw_head = std::move(head.raw);
    request.fields = std::move(head.fields);
    request.connection = connection;
    return request;
}

bool has_no_content(unsigned status, std::string_view method) {
    return method == "HEAD" || status < 200 || status == 204 || status == 304;
}

}  // namespace

FaultConnection::FaultConnection(Socket socket, OriginRecord& record, std::string origin_name)
    : reader_{std::move(socket)}, record_{record},
      origin_name_{std::move(origin_name)}, number_{record.connection_opened()} {}

FaultConnection::~FaultConnection() {
    if (thread_.joinable()) thread_.join();
}

void FaultConnection::start() {
    thread_ = std::thread{[this] { serve(); }};
}

void FaultConnection::stop() {
    stopping_ = true;
    wake();
    std::lock_guard const lock{closing_};
    reader_.socket().interrupt();
}

void FaultConnection::wake() {
    wake_.set();
}

void FaultConnection::finish(bool by_reset) {
    {
        std::lock_guard const lock{closing_};
        if (by_reset) {
            reader_.socket().reset();
        } else {
            reader_.socket().close();
        }
    }
    record_.connection_closed();
    finished_ = true;
}

void FaultConnection::serve() {
    // No wait for the next request is bounded here: an idle connection ends with the peer or with
    // the origin.
    Next next = Next::keep;
    try {
        while (next == Next::keep && !stopping_) {
            auto head = reader_.read_head(within(kForEver));
            if (!head) break;
            next = serve_one(std::move(*head));
        }
    } catch (Malformed const& malformed) {
        record_.add_violation(malformed.what());
    } catch (PeerClosed const&) {
        next = Next::close;
    } catch (std::exception const& error) {
        record_.add_violation(std::string{"origin: "} + error.what());
    }
    finish(next == Next::reset);
}

FaultConnection::Next FaultConnection::serve_one(MessageHead head) {
    record_.received_bytes(head.raw.size());
    auto const script = record_.script_for(head);
    framing_ = strict_request_framing(head.fields);
    bool const expects = same_name(joined(head.fields, "Expect"), "100-continue");
    bool const early = script.has("early_final") || script.has("early_keep");
    reader_.slow_down(static_cast<unsigned>(script.number("slow_read", 0)));
    auto const index = record_.add_request(seen(std::move(head), number_));

    if (reset_next_request_ || script.has("reset_on_request")) return Next::reset;
    if (script.has("early_half")) return answer(index, script);
    if (early) {
        auto const next = answer(index, script);
        if (script.has("early_keep")) {
            read_content(index);
            return next;
        }
        reader_.socket().shutdown_write();
        read_content(index);
        return Next::close;
    }
    if (auto const gate = script.value("gate_content"); gate && !pass_gate(*gate, index)) {
        return Next::close;
    }
    if (expects && !script.has("ignore_expect")) send(script, "HTTP/1.1 100 Continue\r\n\r\n");
    read_content(index);
    return answer(index, script);
}

void FaultConnection::read_content(std::size_t index) {
    PatternCheck check;
    std::string kept;
    auto const note = [&](bool complete, FieldList trailers) {
        record_.update_request(index, [&](SeenRequest& request) {
            request.content = kept;
            request.content_bytes = check.size();
            request.content_is_pattern = check.matches();
            request.trailers = std::move(trailers);
            request.complete = complete;
            request.client_closed = !complete;
        });
    };
    try {
        auto trailers = reader_.read_content(framing_, [&](std::string_view piece) {
            record_.received_bytes(piece.size());
            check.feed(piece);
            kept.append(piece.substr(0, kRecordedContentBytes - kept.size()));
        });
        note(true, std::move(trailers));
    } catch (...) {
        note(false, {});
        throw;
    }
}

bool FaultConnection::pass_gate(std::string const& gate, std::size_t index) {
    record_.arrived_at_gate(gate);
    bool peer_left = false;
    while (!record_.gate_is_open(gate) && !stopping_ && !peer_left) {
        std::array awaited{os::Awaited{reader_.socket().fd(), os::Event::peer_finished},
                           os::Awaited{wake_.descriptor(), os::Event::readable}};
        os::wait(awaited, kForEver);
        peer_left = awaited[0].came;
        if (awaited[1].came) wake_.clear();
    }
    if (peer_left) {
        record_.update_request(index, [](SeenRequest& request) { request.client_closed = true; });
    }
    record_.left_gate(gate);
    return !peer_left && !stopping_;
}

void FaultConnection::send(FaultScript const& script, std::string_view bytes) {
    auto const deadline = within(kSendBound);
    std::size_t const step = script.has("drip") ? 1 : bytes.size();
    std::chrono::milliseconds const gap{script.has("drip") ? script.number("drip", 0) : 0};
    while (!bytes.empty()) {
        auto const sent = reader_.socket().send_some(bytes.substr(0, step), kBlockedAfter);
        if (sent == 0) {
            record_.blocked_while_sending();
            if (std::chrono::steady_clock::now() > deadline) throw TimedOut{"nobody reads"};
            continue;
        }
        record_.sent_bytes(sent);
        bytes.remove_prefix(sent);
        if (gap.count() > 0) pause(gap);
        if (stopping_) throw PeerClosed{"the origin ends"};
    }
}

/// Part of a fault, not a wait for anything; ends early with the origin.
void FaultConnection::pause(std::chrono::milliseconds duration) {
    Deadline const end = within(duration);
    while (!stopping_) {
        auto const left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return;
        os::Awaited awaited{wake_.descriptor(), os::Event::readable};
        if (os::wait({&awaited, 1}, left)) wake_.clear();
    }
}

FaultConnection::Next FaultConnection::answer(std::size_t index, FaultScript const& script) {
    auto const request = record_.request(index);
    if (script.has("stall")) {
        pass_gate("a gate that nobody opens", index);
        return Next::close;
    }
    for (auto const& status : script.values("interim")) {
        send(script, "HTTP/1.1 " + status + " Interim\r\nLink: </style.css>; rel=preload\r\n\r\n");
    }
    if (auto const gate = script.value("gate"); gate && !pass_gate(*gate, index)) {
        return Next::close;
    }
    pause(std::chrono::milliseconds{script.number("delay", 0)});
    if (script.has("reset_before_head")) return Next::reset;
    if (script.has("close_before_head")) return Next::close;
    if (auto const kind = script.value("malformed")) {
        send(script, malformed_response(*kind));
        return Next::keep;
    }
    if (script.has("upgrade")) return tunnel(index, script, request);
    return send_final(index, script, request);
}

std::string FaultConnection::head_text(FaultScript const& script, SeenRequest const& request,
                                       std::uint64_t content_bytes) const {
    auto const status = static_cast<unsigned>(script.number("status", 200));
    std::ostringstream head;
    head << (script.has("http10") ? "HTTP/1.0 " : "HTTP/1.1 ") << status << " Scripted\r\n"
         << "X-Origin: " << origin_name_ << "\r\n";
    for (auto const& extra : script.values("extra")) {
        auto const [name, value] = name_and_value(extra);
        head << name << ": " << value << "\r\n";
    }
    if (auto const seconds = script.value("keep_alive_timeout")) {
        head << "Keep-Alive: timeout=" << *seconds << "\r\n";
    }
    if (script.has("close_announced")) head << "Connection: close\r\n";
    if (script.has("chunked")) {
        head << "Transfer-Encoding: chunked\r\n";
    } else if (!script.has("until_close") && status != 204 &&
               !(status == 304 && request.method != "HEAD")) {
        head << "Content-Length: " << script.number("lie_length", content_bytes) << "\r\n";
    }
    head << "\r\n";
    return head.str();
}

FaultConnection::Next FaultConnection::send_final(std::size_t index, FaultScript const& script,
                                                  SeenRequest const& request) {
    auto const status = static_cast<unsigned>(script.number("status", 200));
    std::string content = script.value("text").value_or("ok\n");
    if (script.has("echo")) content = request.content;
    auto const size = script.number("size", content.size());
    auto head = head_text(script, request, size);
    if (script.has("close_in_head")) {
        send(script, head.substr(0, head.size() / 2));
        return Next::close;
    }
    send(script, head);
    Next next = Next::keep;
    if (!has_no_content(status, request.method)) {
        // A pattern is made piece by piece: its size may be larger than memory.
        next = send_content(index, script, script.has("size") ? std::string_view{} : content);
    } else if (auto const gate = script.value("gate_mid")) {
        if (!pass_gate(*gate, index)) return Next::close;
    }
    if (next != Next::keep) return next;
    reset_next_request_ = script.has("reset_on_reuse");
    bool const ends = script.has("until_close") || script.has("close_after") ||
                      script.has("close_announced") || script.has("lie_length") ||
                      script.has("http10");
    return ends ? Next::close : Next::keep;
}

FaultConnection::Next FaultConnection::send_content(std::size_t index, FaultScript const& script,
                                                    std::string_view content) {
    auto const size = script.number("size", content.size());
    bool const as_chunks = script.has("chunked");
    auto const send_range = [&](std::uint64_t begin, std::uint64_t end) {
        while (begin < end) {
            auto const length = std::min<std::uint64_t>(end - begin, kPieceBytes);
            auto const piece = script.has("size") ? pattern(begin, length)
                                                  : std::string{content.substr(begin, length)};
            std::ostringstream framed;
            if (as_chunks) {
                framed << std::hex << length << "\r\n" << piece << "\r\n";
                send(script, framed.str());
            } else {
                send(script, piece);
            }
            begin += length;
        }
    };
    send_range(0, size / 2);
    if (auto const gate = script.value("gate_mid"); gate && !pass_gate(*gate, index)) {
        return Next::close;
    }
    if (script.has("early_half")) read_content(index);
    if (script.has("reset_mid")) return Next::reset;
    if (script.has("close_mid")) return Next::close;
    send_range(size / 2, size);
    if (as_chunks) {
        std::string end = "0\r\n";
        for (auto const& trailer : script.values("trailer")) {
            auto const [name, value] = name_and_value(trailer);
            end += name + ": " + value + "\r\n";
        }
        send(script, end + "\r\n");
    }
    return Next::keep;
}

FaultConnection::Next FaultConnection::tunnel(std::size_t index, FaultScript const& script,
                                              SeenRequest const& request) {
    FaultScript const plain;
    send(plain, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " +
                    request.field("Upgrade") + "\r\nX-Origin: " + origin_name_ + "\r\n\r\n");
    if (auto const gate = script.value("gate_mid"); gate && !pass_gate(*gate, index)) {
        return Next::close;
    }
    if (script.has("size")) {
        send_content(index, script, {});
        reader_.socket().shutdown_write();
        reader_.read_to_end();
        return Next::close;
    }
    for (;;) {
        std::string const bytes = reader_.read_some(within(kForEver));
        if (bytes.empty()) {
            pause(std::chrono::milliseconds{script.number("delay", 0)});
            send(plain, script.value("text").value_or(""));
            return Next::close;
        }
        record_.received_bytes(bytes.size());
        // The peer asks for the end of the tunnel from this side.
        if (bytes == "bye") return Next::close;
        send(plain, bytes);
    }
}

}  // namespace reverse_proxy::test_support
