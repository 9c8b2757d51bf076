#include "tests/fuzz/exchange_oracle.hpp"

#include "tests/fuzz/fuzz_input.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace reverse_proxy::fuzz {
namespace {

using Strings = std::vector<std::string>;

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view known) { return same_name(name, known); });
}

bool is_forwarding(std::string_view name) {
    return same_name(name.substr(0, 11), "x-forwarded") ||
           one_of(name, {"forwarded", "x-real-ip", "x-request-id", "traceparent", "tracestate"});
}

/// Fields with rules of their own, which other checks look at; all others pass as they are.
bool is_special(std::string_view name, bool request) {
    if (name.find_first_of("!#$%&'*+._^`|~") != std::string_view::npos)
        return true;  // may imitate another field
    if (one_of(name, {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding",
                      "upgrade", "content-length", "via"}))
        return true;
    if (request)
        return is_forwarding(name) || one_of(name, {"host", "expect", "max-forwards", "proxy"});
    return one_of(name,
                  {"date", "x-request-id", "x-upstream", "x-attempts", "x-upstream-latency-ms"});
}

/// What Connection cannot name away: it frames, dates or routes the message, or says who sent it.
bool stays_though_named(std::string_view name) {
    return is_forwarding(name) || one_of(name, {"date", "trailer", "host", "max-forwards"});
}

/// The ordinary fields of a message, without those that its Connection names.
StrictFields end_to_end(StrictMessage const& message, bool request) {
    Strings const options = elements_of(message.fields, "connection");
    StrictFields fields;
    for (StrictField const& field : message.fields) {
        if (is_special(field.name, request)) continue;
        bool const named =
            !one_of(field.name, {"close", "keep-alive", "upgrade", "te"}) &&
            !stays_though_named(field.name) &&
            std::any_of(options.begin(), options.end(),
                        [&](std::string const& option) { return same_name(option, field.name); });
        if (!named) fields.push_back(field);
    }
    return fields;
}

bool is_part_of(StrictFields const& some, StrictFields const& all) {
    std::size_t at = 0;
    for (StrictField const& field : some) {
        while (at < all.size() && !(all[at] == field))
            ++at;
        if (at++ == all.size()) return false;
    }
    return true;
}

/// The target as the origin is to get it (RFC 9112, 3.2; the contract, section 3).
std::string target_sent(StrictMessage const& request, std::string_view prefix) {
    std::string path = request.target;
    std::size_t const scheme = path.find("://");
    if (path.front() != '/' && path != "*" && scheme != std::string::npos) {
        path.erase(0, std::min(path.find_first_of("/?", scheme + 3), path.size()));
        if (path.empty()) path = request.method == "OPTIONS" ? "*" : "/";
        if (path.front() == '?') path.insert(0, "/");
    }
    return path == "*" ? path : std::string{prefix} + path;
}

bool is_idempotent(std::string const& method) {
    return one_of(method, {"get", "head", "options", "trace", "put", "delete"}) &&
           method.find_first_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos;
}

/// One run over a transcript.
class Judge {
public:
    explicit Judge(Transcript const& transcript)
        : said_{transcript}, requests_{requests_of(transcript.client_sent)},
          responses_{responses_of(transcript.client_received, requests_, true)} {}

    void run() {
        Strings::size_type const count = requests_.size();
        std::vector<unsigned> whole(count);
        std::vector<unsigned> begun(count);
        for (UpstreamStream const& stream : said_.upstream)
            check_stream(stream, whole, begun);
        for (std::size_t i = 0; i < count; ++i) {
            // A connection that had gone stale costs none of the attempts.
            expect(begun[i] <= ProxyRig::kAttempts + 1, "more attempts than allowed");
            expect(begun[i] <= 1 || is_idempotent(requests_[i].method),
                   "a request that must not be repeated was sent twice");
        }
        check_end_of_requests(begun);
        for (std::size_t i = 0; i < responses_.finals.size(); ++i)
            check_response(i);
    }

private:
    void expect(bool holds, std::string_view what, std::string_view bytes = {}) const {
        if (holds) return;
        print_escaped("client sent", said_.client_sent);
        print_escaped("client received", said_.client_received);
        for (UpstreamStream const& stream : said_.upstream) {
            print_escaped("origin received", stream.received);
            print_escaped("origin sent", stream.sent);
        }
        require(false, what, bytes);
    }

    /// All that one origin was sent: whole requests, then perhaps the start of one.
    void check_stream(UpstreamStream const& stream, std::vector<unsigned>& whole,
                      std::vector<unsigned>& begun) {
        for (std::size_t i = 0; i < stream.arrivals.size(); ++i) {
            auto const& arrival = stream.arrivals[i];
            std::string_view const bytes = std::string_view{stream.received}.substr(arrival.begin);
            StrictMessage const sent = read_strict_request(bytes);
            expect(sent.verdict != Verdict::malformed, "an origin gets a malformed request", bytes);
            expect(arrival.index < requests_.size(), "a request that nobody sent", bytes);
            StrictMessage const& asked = requests_[arrival.index];
            ++begun[arrival.index];
            check_forwarded(asked, sent, bytes);
            bool const last = i + 1 == stream.arrivals.size();
            if (sent.verdict == Verdict::complete) {
                ++whole[arrival.index];
                expect(asked.verdict == Verdict::complete && sent.content == asked.content,
                       "content sent on differently", bytes);
                std::size_t const next =
                    last ? stream.received.size() : stream.arrivals[i + 1].begin;
                bool const tunnel = last && is_tunnel(stream, i);
                expect(tunnel || arrival.begin + sent.size == next,
                       "bytes behind a request that are no request", bytes);
                if (tunnel) check_tunnel(stream, arrival.begin + sent.size);
            } else {
                expect(last, "a request behind one that is incomplete", bytes);
                expect(asked.content.starts_with(sent.content), "content sent on differently",
                       bytes);
            }
        }
    }

    void check_forwarded(StrictMessage const& asked, StrictMessage const& sent,
                         std::string_view bytes) const {
        expect(asked.head_valid, "a request goes on that a strict reader refuses", bytes);
        if (!sent.head_valid) return;
        expect(sent.method == asked.method && sent.minor_version == 1 &&
                   sent.target == target_sent(asked, said_.choices.prefix),
               "request line sent on differently", bytes);
        expect(sent.length == asked.length && sent.counted == asked.counted,
               "content sent on is framed differently", bytes);
        expect(end_to_end(sent, true) == end_to_end(asked, true), "fields sent on differently",
               bytes);
        expect(values_of(sent.fields, "host") == Strings{std::string{ProxyRig::kAuthority}},
               "Host is not the origin's", bytes);
        Strings via = values_of(asked.fields, "via");
        via.push_back(asked.minor_version == 0 ? "1.0 reverse-proxy" : "1.1 reverse-proxy");
        expect(values_of(sent.fields, "via") == via, "Via", bytes);
        check_connection_fields(asked, sent, bytes);
        check_forwarding_fields(sent, bytes);
        expect(is_part_of(sent.trailers, asked.trailers), "trailers sent on differently", bytes);
        check_named_trailers(asked, sent);
        for (StrictField const& field : sent.trailers)
            expect(!is_forwarding(field.name) &&
                       !one_of(field.name, {"host", "content-length", "transfer-encoding",
                                            "connection", "authorization", "trailer", "te"}),
                   "a trailer that may be none", bytes);
    }

    /// What Connection names ends here, wherever in the message it comes (RFC 9110, 7.6.1).
    void check_named_trailers(StrictMessage const& came, StrictMessage const& sent) const {
        for (std::string const& option : elements_of(came.fields, "connection"))
            expect(one_of(option, {"close", "keep-alive", "upgrade", "te"}) ||
                       values_of(sent.trailers, option).empty(),
                   "a trailer that Connection names goes on");
    }

    void check_connection_fields(StrictMessage const& asked, StrictMessage const& sent,
                                 std::string_view bytes) const {
        for (std::string const& option : elements_of(sent.fields, "connection"))
            expect(option == "te" || option == "upgrade", "a connection option goes on", bytes);
        for (std::string_view const name : {"keep-alive", "proxy-connection", "proxy"})
            expect(values_of(sent.fields, name).empty(), "a connection field goes on", bytes);
        for (std::string const& coding : elements_of(sent.fields, "te"))
            expect(coding == "trailers", "TE goes on", bytes);
        for (std::string const& what : values_of(sent.fields, "expect"))
            expect(what == "100-continue" && lists(asked.fields, "expect", "100-continue"),
                   "Expect goes on", bytes);
        if (!values_of(sent.fields, "upgrade").empty())
            expect(lists(asked.fields, "connection", "upgrade") && asked.minor_version == 1 &&
                       values_of(sent.fields, "upgrade") == values_of(asked.fields, "upgrade"),
                   "Upgrade goes on", bytes);
    }

    void check_forwarding_fields(StrictMessage const& sent, std::string_view bytes) const {
        Strings const chain = values_of(sent.fields, "x-forwarded-for");
        expect(chain.size() == 1 && chain.front().ends_with(ProxyRig::kPeer),
               "X-Forwarded-For does not end with the peer", bytes);
        expect(values_of(sent.fields, "x-forwarded-proto").size() == 1 &&
                   values_of(sent.fields, "x-request-id").size() == 1 &&
                   values_of(sent.fields, "traceparent").size() == 1,
               "a field of the proxy's is missing or doubled", bytes);
        if (said_.choices.trusted_peer) return;
        expect(chain.front() == ProxyRig::kPeer, "an untrusted peer's X-Forwarded-For", bytes);
        expect(values_of(sent.fields, "forwarded").empty() &&
                   values_of(sent.fields, "x-real-ip").empty(),
               "an untrusted peer's forwarding field", bytes);
    }

    /// Nothing is served behind a request that ends its connection, or that no two readers would
    /// end at the same byte.
    void check_end_of_requests(std::vector<unsigned> const& begun) const {
        bool ended = false;
        for (std::size_t i = 0; i < requests_.size(); ++i) {
            bool const served = begun[i] > 0 || i < responses_.finals.size();
            expect(!ended || !served, "a request is served behind the last one");
            ended = ended || !requests_[i].head_valid ||
                    !keeps_connection(requests_[i].fields, requests_[i].minor_version);
        }
        expect(responses_.finals.size() <= requests_.size(), "a response that nobody asked for");
    }

    [[nodiscard]] bool is_tunnel(UpstreamStream const& stream, std::size_t arrival) const {
        return responses_.switched && stream.arrivals[arrival].index + 1 == responses_.complete &&
               answer_to(stream, arrival).message.status == 101;
    }

    /// Behind a 101 every byte goes through as it is.
    void check_tunnel(UpstreamStream const& stream, std::size_t begin) const {
        std::size_t asked = 0;
        for (std::size_t i = 0; i < responses_.complete; ++i)
            asked += requests_[i].size;
        std::string_view const up = std::string_view{said_.client_sent}.substr(asked);
        expect(up.starts_with(std::string_view{stream.received}.substr(begin)),
               "the tunnel changes what the client sends");
        std::size_t const answered = answer_to(stream, stream.arrivals.size() - 1).end;
        std::string_view const down = std::string_view{stream.sent}.substr(answered);
        expect(down.starts_with(std::string_view{said_.client_received}.substr(responses_.end)),
               "the tunnel changes what the origin sends");
    }

    void check_response(std::size_t index) const {
        StrictMessage const& got = responses_.finals[index];
        if (!got.head_valid) return;
        StrictMessage const& asked = requests_[index];
        expect(asked.minor_version == 1 || got.length != Length::chunked || !asked.head_valid,
               "chunked to a client that does not know it");
        expect(got.status != 101 || (lists(asked.fields, "connection", "upgrade") &&
                                     !values_of(asked.fields, "upgrade").empty()),
               "a switch of protocols that nobody asked for");
        // Via is on all that comes from an origin, and on nothing else.
        if (values_of(got.fields, "via").empty()) {
            expect(got.length == Length::counted || asked.method == "HEAD",
                   "an answer of the proxy's own without a length");
            return;
        }
        std::optional<StrictMessage> answer;
        for (UpstreamStream const& stream : said_.upstream) {
            for (std::size_t i = 0; i < stream.arrivals.size(); ++i)
                if (stream.arrivals[i].index == index) answer = answer_to(stream, i).message;
        }
        expect(answer.has_value(), "a response that no origin sent");
        check_passed_on(asked, *answer, got);
    }

    void check_passed_on(StrictMessage const& asked, StrictMessage const& answer,
                         StrictMessage const& got) const {
        expect(answer.head_valid, "a response goes on that a strict reader refuses");
        expect(answer.status == got.status, "another status than the origin's");
        expect(end_to_end(got, false) == end_to_end(answer, false),
               "response fields sent on differently");
        expect(answer.content.starts_with(got.content), "response content sent on differently");
        bool const cut_shows = got.length != Length::until_close;  // else HTTP/1.0 has no means
        if (got.verdict == Verdict::complete && cut_shows)
            expect(answer.verdict == Verdict::complete && answer.content == got.content,
                   "a response is whole to the client alone");
        expect(is_part_of(got.trailers, answer.trailers), "response trailers sent on differently");
        check_named_trailers(answer, got);
        if (answer.length == Length::counted)
            expect(got.length == Length::counted && got.counted == answer.counted,
                   "the response's length is lost");
        bool const bodiless = asked.method == "HEAD" || got.status == 304;
        if (bodiless)
            expect(values_of(got.fields, "content-length") ==
                       values_of(answer.fields, "content-length"),
                   "Content-Length of a response without content changed");
    }

    Transcript const& said_;
    std::vector<StrictMessage> requests_;
    Responses responses_;
};

}  // namespace

std::vector<StrictMessage> requests_of(std::string_view client_sent) {
    std::vector<StrictMessage> requests;
    while (!client_sent.empty()) {
        requests.push_back(read_strict_request(client_sent));
        if (requests.back().verdict != Verdict::complete) break;
        client_sent.remove_prefix(requests.back().size);
    }
    return requests;
}

Responses responses_of(std::string_view client_received, std::vector<StrictMessage> const& requests,
                       bool closed) {
    Responses responses;
    while (responses.end < client_received.size()) {
        std::string_view const rest = client_received.substr(responses.end);
        std::size_t const index = responses.complete;
        require(index < requests.size(), "bytes to the client that are no response", rest);
        require(!responses.closes, "bytes to the client behind the last response", rest);
        bool const to_head = requests[index].method == "HEAD";
        StrictMessage response = read_strict_response(rest, to_head, closed);
        if (to_head && !requests[index].head_valid) {
            // Where a head could not be read, nor could the method of it, perhaps.
            StrictMessage const with_content = read_strict_response(rest, false, closed);
            if (with_content.verdict == Verdict::complete) response = with_content;
        }
        require(response.verdict != Verdict::malformed, "a malformed response to the client", rest);
        bool const interim = response.head_valid && response.status < 200 && response.status != 101;
        if (interim) {
            require(requests[index].minor_version == 1, "an interim response to HTTP/1.0", rest);
            require(++responses.interims <= 16 * requests.size(), "endless interim responses");
            responses.end += response.size;
            continue;
        }
        responses.finals.push_back(response);
        if (response.verdict != Verdict::complete) break;
        ++responses.complete;
        responses.end += response.size;
        responses.switched = response.status == 101;
        if (responses.switched) break;
        responses.closes = !keeps_connection(response.fields, response.minor_version) ||
                           response.length == Length::until_close;
    }
    return responses;
}

OriginAnswer answer_to(UpstreamStream const& stream, std::size_t arrival) {
    std::string_view rest = stream.sent;
    for (std::size_t i = 0;;) {
        std::string_view const request =
            std::string_view{stream.received}.substr(stream.arrivals[i].begin);
        bool const to_head = request.starts_with("HEAD ");
        StrictMessage const answer = read_strict_response(rest, to_head, stream.closed_by_origin);
        if (answer.verdict != Verdict::complete) return {answer, 0};
        rest.remove_prefix(answer.size);
        bool const is_final = answer.status >= 200 || answer.status == 101;
        if (is_final && i++ == arrival) return {answer, stream.sent.size() - rest.size()};
    }
}

void check_transcript(Transcript const& transcript) {
    Judge{transcript}.run();
}

}  // namespace reverse_proxy::fuzz
