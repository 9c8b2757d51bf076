#pragma once

#include "tests/fuzz/proxy_rig.hpp"
#include "tests/fuzz/strict_parser.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What must hold between the bytes that a client and its origins sent and those that the proxy
/// sent to them. All of it is read by the strict parser.
namespace reverse_proxy::fuzz {

/// One upstream connection as its origin saw it.
struct UpstreamStream {
    /// A request that began to arrive.
    struct Arrival {
        std::size_t begin;  // in `received`
        std::size_t index;  // of the client's request that was being served at the time
    };
    std::string received;
    std::string sent;
    bool closed_by_origin{false};
    std::vector<Arrival> arrivals;
};

/// Everything that was said, by all sides.
struct Transcript {
    RigChoices choices;
    std::string client_sent;
    std::string client_received;
    std::vector<UpstreamStream> upstream;
};

/// The client's requests one after another; the last one may be malformed or incomplete.
std::vector<StrictMessage> requests_of(std::string_view client_sent);

/// The final responses in what the client received, to requests of these methods; the last one may
/// be incomplete.
struct Responses {
    std::vector<StrictMessage> finals;
    std::size_t interims{0};
    std::size_t complete{0};  // of the finals
    std::size_t end{0};       // of the last complete message
    bool switched{false};     // the last one is a 101: what follows is no HTTP
    bool closes{false};       // the last one says that the connection ends
};
/// Ends the process on anything that is no response.
Responses responses_of(std::string_view client_received, std::vector<StrictMessage> const& requests,
                       bool closed);

/// What an origin has sent in answer to one of its arrivals: the final response, as far as it is
/// there. Valid only where the arrivals before it were answered whole.
struct OriginAnswer {
    StrictMessage message;
    std::size_t end{0};  // in `sent`, where it is complete
};
OriginAnswer answer_to(UpstreamStream const& stream, std::size_t arrival);

/// Ends the process where the transcript breaks a rule.
void check_transcript(Transcript const& transcript);

}  // namespace reverse_proxy::fuzz
