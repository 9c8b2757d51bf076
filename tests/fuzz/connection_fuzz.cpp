// A whole client connection against a scripted origin, on streams in memory and on one thread: the
// real connection, pipeline and upstream client. What leaves the proxy to either side is read by
// the strict parser and compared with what came in (exchange_oracle.hpp).
//
// Input: four bytes, of which each may be a letter, as the bits behind `@` count:
//   1. bit 0 the client closes its sending side at its end, 1 trusted peer, 2 small socket buffers,
//      3 the client leaves at its end, 4 the origin acts before the client goes on, 5 draining, 7
//      the client's bytes are followed by 40,000 more
//   2. bit 0 small threshold, 1 small heads, 2 small content, 3 no streaming, 4 debug fields, 5 an
//      upstream with a path
//   3. and 4. how the client's bytes and the origin's are cut (Cuts)
// then the client's bytes, then what the origin answers to each request that it gets, each answer
// behind a line `==`. An answer begins with a byte of choices: bit 0 it closes afterwards, 1 it
// answers before the content has come, 2 the connect before it is refused, 3 it goes on for 40,000
// bytes, enough for the kernel to move them. When they run out, requests are answered by `ok`.
#include "tests/fuzz/exchange_oracle.hpp"
#include "tests/fuzz/fuzz_input.hpp"
#include "tests/fuzz/memory_network.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <deque>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace reverse_proxy::fuzz;

constexpr std::string_view kSeparator = "\n==\n";
constexpr std::size_t kMostPieces = 60;  // of one side; then the rest at once

enum ScriptBit : unsigned {
    kHalfClose = 1,
    kTrusted = 2,
    kSmall = 4,
    kLeaves = 8,
    kOriginFirst = 16,
    kDrains = 32,
    kGoesOn = 128
};
enum AnswerBit : unsigned { kCloses = 1, kEarly = 2, kRefuses = 4, kAnswerGoesOn = 8 };

/// More than ContentMove::kSpliceFrom; different at every place of any power of two.
std::string const& long_content() {
    static std::string const text = [] {
        std::string bytes(40'000, ' ');
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<char>('!' + i * 7 % 89);
        return bytes;
    }();
    return text;
}

struct Answer {
    unsigned choices;
    std::string_view bytes;
};

/// One end of a stream that is driven from here: reads all there is, sends piece by piece.
class End {
public:
    End(int descriptor, Cuts cuts) : descriptor_{descriptor}, cuts_{cuts} {}
    End(End&& other) noexcept
        : descriptor_{std::exchange(other.descriptor_, -1)}, cuts_{other.cuts_},
          pending_{std::move(other.pending_)}, pieces_{other.pieces_}, ended_{other.ended_} {}
    End(End const&) = delete;
    End& operator=(End const&) = delete;
    End& operator=(End&&) = delete;
    ~End() { close(); }

    void queue(std::string_view bytes) { pending_ += bytes; }
    [[nodiscard]] bool has_pending() const { return is_open() && !pending_.empty(); }
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
    /// The other side has closed.
    [[nodiscard]] bool ended() const { return ended_; }

    /// Appends what was sent to `log`; false: nothing could be.
    bool send(std::string& log) {
        if (!has_pending()) return false;
        std::size_t const size =
            pieces_++ < kMostPieces ? cuts_.next(pending_.size()) : pending_.size();
        ssize_t const done = ::send(descriptor_, pending_.data(), size, MSG_NOSIGNAL);
        if (done > 0) {
            log.append(pending_, 0, static_cast<std::size_t>(done));
            pending_.erase(0, static_cast<std::size_t>(done));
            return true;
        }
        if (errno != EAGAIN) pending_.clear();  // the proxy has closed
        return false;
    }
    /// Appends what has arrived; false: nothing has.
    bool receive(std::string& log) {
        std::size_t const before = log.size();
        char piece[16 * 1024];
        while (is_open() && !ended_) {
            ssize_t const got = ::recv(descriptor_, piece, sizeof piece, 0);
            if (got > 0) {
                log.append(piece, static_cast<std::size_t>(got));
            } else if (got < 0 && errno == EAGAIN) {
                break;
            } else {
                ended_ = true;
            }
        }
        return log.size() != before;
    }
    void finish() const {
        if (is_open()) ::shutdown(descriptor_, SHUT_WR);
    }
    void close() {
        if (is_open()) ::close(std::exchange(descriptor_, -1));
        pending_.clear();
    }

private:
    int descriptor_;
    Cuts cuts_;
    std::string pending_;
    std::size_t pieces_{0};
    bool ended_{false};
};

/// The origin's side of one upstream connection.
struct OriginEnd {
    End end;
    std::size_t log;         // in Transcript::upstream
    std::size_t read_to{0};  // end of the last whole request
    bool in_request{false};  // one has begun to arrive behind it
    bool head_there{false};
    bool tunnel{false};
    std::size_t whole{0};  // requests
    std::size_t answered{0};
    bool closes{false};  // when all is sent
};

class Scene {
public:
    Scene(ProxyRig& rig, Input input) : rig_{rig}, script_{input.byte()} {
        unsigned const settings = input.byte();
        Cuts const client_cuts{input.byte()};
        origin_cuts_ = input.byte();
        RigChoices& choices = said_.choices;
        choices.trusted_peer = (script_ & kTrusted) != 0;
        choices.draining = (script_ & kDrains) != 0;
        choices.small_threshold = (settings & 1U) != 0;
        choices.small_heads = (settings & 2U) != 0;
        choices.small_content = (settings & 4U) != 0;
        choices.stream_large = (settings & 8U) == 0;
        choices.debug_fields = (settings & 16U) != 0;
        choices.prefix = (settings & 32U) != 0 ? "/base" : "";

        std::string_view const client_bytes = input.until(kSeparator);
        while (!input.empty()) {
            unsigned const how = input.byte();
            answers_.push_back({how, input.until(kSeparator)});
        }
        memory_network() = {};
        memory_network().small_buffers = (script_ & kSmall) != 0;
        client_.emplace(rig_.connect(choices), client_cuts);
        client_->queue(client_bytes);
        if ((script_ & kGoesOn) != 0) client_->queue(long_content());
    }

    void play() {
        look();
        for (bool moved = true; moved && client_->has_pending();) {
            if ((script_ & kOriginFirst) != 0) play_origins();
            moved = client_->send(said_.client_sent);
            moved = look() || moved;
            if ((script_ & kOriginFirst) == 0) moved = act_once() || moved;
        }
        if ((script_ & kHalfClose) != 0) client_->finish();
        if ((script_ & kLeaves) != 0) client_->close();
        play_origins();
        check_nothing_hangs();
        client_->close();
        play_origins();
        for (OriginEnd& origin : origins_)
            close(origin);
        memory_network().refuse_next = false;
        look();
        // A retry may have been waiting for its time.
        require(wind_up(), "something is left of a client that is gone", said_.client_sent);
        for (OriginEnd& origin : origins_)
            close(origin);
        rig_.forget_endpoint();
        check_transcript(said_);
    }

private:
    /// Lets the proxy run, then takes in what it has sent: the client's side first, so that a
    /// request at an origin is known to belong to the first response that is not there yet.
    /// False: nothing came.
    bool look() {
        bool ever = false;
        for (bool moved = true; moved; ever = ever || moved) {
            prepare_refusal();
            rig_.settle();
            moved = client_->receive(said_.client_received);
            if (moved) count_responses();
            for (int const descriptor : std::exchange(memory_network().dialled, {})) {
                origins_.push_back({End{descriptor, Cuts{origin_cuts_}}, said_.upstream.size()});
                said_.upstream.emplace_back();
                moved = true;
            }
            for (OriginEnd& origin : origins_) {
                if (!origin.end.receive(said_.upstream[origin.log].received)) continue;
                moved = true;
                take_requests(origin);
            }
        }
        return ever;
    }

    void prepare_refusal() {
        bool const refuses = !answers_.empty() && (answers_.front().choices & kRefuses) != 0;
        if (refusal_armed_ && !memory_network().refuse_next) {  // it has happened
            refusal_armed_ = false;
            answers_.pop_front();
            return prepare_refusal();
        }
        memory_network().refuse_next = refusal_armed_ = refuses;
    }

    void count_responses() {
        Responses const responses =
            responses_of(said_.client_received, requests_of(said_.client_sent), false);
        completed_ = responses.complete;
        // Behind the last response nothing is served: a request that arrives now had begun to be
        // sent when that answer of the proxy's own, for a fault of its content, was made.
        serving_ = responses.closes ? completed_ - 1 : completed_;
    }

    void take_requests(OriginEnd& origin) {
        UpstreamStream& log = said_.upstream[origin.log];
        while (origin.read_to < log.received.size()) {
            origin.tunnel = !log.arrivals.empty() && origin.answered == log.arrivals.size() &&
                            answer_to(log, origin.answered - 1).message.status == 101;
            if (origin.tunnel) return;
            if (!std::exchange(origin.in_request, true))
                log.arrivals.push_back({origin.read_to, serving_});
            StrictMessage const request =
                read_strict_request(std::string_view{log.received}.substr(origin.read_to));
            require(request.verdict != Verdict::malformed, "an origin gets a malformed request",
                    log.received);
            origin.head_there = request.head_valid;
            if (request.verdict != Verdict::complete) break;
            origin.read_to += request.size;
            ++origin.whole;
            origin.in_request = origin.head_there = false;
        }
    }

    /// One step of one origin's, if any has something to do.
    bool act_once() {
        for (std::size_t i = 0; i < origins_.size(); ++i) {
            if (!act(origins_[i])) continue;
            look();
            return true;
        }
        return false;
    }

    bool act(OriginEnd& origin) {
        UpstreamStream& log = said_.upstream[origin.log];
        if (origin.end.has_pending()) return origin.end.send(log.sent);
        if (origin.closes) {
            close(origin);
            origin.closes = false;
            return true;
        }
        bool const early = !answers_.empty() && (answers_.front().choices & kEarly) != 0;
        bool const owes = origin.answered < origin.whole ||
                          (early && origin.head_there && origin.answered == origin.whole);
        if (!owes || !origin.end.is_open()) return false;
        ++origin.answered;
        Answer answer{0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
        if (!answers_.empty()) {
            answer = answers_.front();
            answers_.pop_front();
        }
        origin.closes = (answer.choices & kCloses) != 0;
        origin.end.queue(answer.bytes);
        if ((answer.choices & kAnswerGoesOn) != 0) origin.end.queue(long_content());
        return true;
    }

    void close(OriginEnd& origin) {
        if (!origin.end.is_open()) return;
        origin.end.close();
        said_.upstream[origin.log].closed_by_origin = true;
    }

    void play_origins() {
        while (act_once()) {
        }
    }

    /// With nothing left to do for client and origins, every whole request has its response: unless
    /// an origin owes the rest of one, or the connection has come to its end.
    void check_nothing_hangs() {
        auto const requests = requests_of(said_.client_sent);
        auto const whole = static_cast<std::size_t>(
            std::count_if(requests.begin(), requests.end(), [](StrictMessage const& request) {
                return request.verdict == Verdict::complete;
            }));
        auto const settled = [&] {
            look();
            play_origins();
            return !client_->is_open() || client_->ended() || completed_ >= whole || origin_owes();
        };
        rig_.settle_until(settled);
        require(settled(), "a request hangs", said_.client_sent);
    }

    [[nodiscard]] bool origin_owes() const {
        return std::any_of(origins_.begin(), origins_.end(), [&](OriginEnd const& origin) {
            UpstreamStream const& log = said_.upstream[origin.log];
            if (!origin.end.is_open() || origin.end.ended()) return false;
            if (origin.tunnel || origin.in_request) return true;
            return origin.answered > 0 &&
                   answer_to(log, origin.answered - 1).message.verdict != Verdict::complete;
        });
    }

    bool wind_up() {
        bool done = rig_.wound_up();
        // Connections that were dialled meanwhile wait for an origin that will not come.
        for (int round = 0; !done && round < 8; ++round) {
            look();
            for (OriginEnd& origin : origins_)
                close(origin);
            done = rig_.wound_up();
        }
        return done;
    }

    ProxyRig& rig_;
    unsigned script_;
    std::uint8_t origin_cuts_{0};
    Transcript said_;
    std::deque<Answer> answers_;
    std::optional<End> client_;
    std::deque<OriginEnd> origins_;
    std::size_t completed_{0};  // final responses that the client has whole
    std::size_t serving_{0};    // index of the request that is being served
    bool refusal_armed_{false};
};

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static ProxyRig rig;
    static auto const ignored = std::signal(SIGPIPE, SIG_IGN);  // as main does
    static_cast<void>(ignored);
    Scene{rig, Input{data, size}}.play();
    return 0;
}
