#include "tests/support/raw_client.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace reverse_proxy::test_support {
namespace {

bool is_digit(char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// RFC 9112, 4: HTTP-version SP 3DIGIT SP [reason]; the blank after the code is not optional.
Response parse_status_line(MessageHead head) {
    std::string_view const line = head.start_line;
    bool const well_formed = line.size() >= 13 && line.substr(0, 7) == "HTTP/1." &&
                             is_digit(line[7]) && line[8] == ' ' && is_digit(line[9]) &&
                             is_digit(line[10]) && is_digit(line[11]) && line[12] == ' ';
    if (!well_formed) throw Malformed{"status line: " + head.start_line};
    Response response;
    response.version = line.substr(0, 8);
    if (response.version != "HTTP/1.1" && response.version != "HTTP/1.0")
        throw Malformed{"version: " + response.version};
    if (std::any_of(line.begin(), line.end(), [](unsigned char c) { return c < 0x20; }))
        throw Malformed{"control byte in the status line"};
    response.status = static_cast<unsigned>(std::stoul(std::string{line.substr(9, 3)}));
    response.reason = line.substr(13);
    response.fields = std::move(head.fields);
    if (response.version == "HTTP/1.0" && response.has("Transfer-Encoding"))
        throw Malformed{"Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1)"};
    return response;
}

}  // namespace

bool Response::keeps_connection() const {
    std::istringstream options{field("Connection")};
    bool close = version == "HTTP/1.0";
    for (std::string option; std::getline(options, option, ',');) {
        option.erase(std::remove(option.begin(), option.end(), ' '), option.end());
        if (same_name(option, "close")) return false;
        if (same_name(option, "keep-alive")) close = false;
    }
    return !close && framing.kind != MessageFraming::Kind::until_close;
}

std::string make_request(std::string_view method, std::string_view target, FieldList const& fields,
                         std::string_view content) {
    std::string text;
    text.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
    if (count_of(fields, "Host") == 0) text += "Host: example.test\r\n";
    for (auto const& [name, value] : fields)
        text += name + ": " + value + "\r\n";
    bool const framed =
        count_of(fields, "Content-Length") + count_of(fields, "Transfer-Encoding") > 0;
    bool const usually_has_content = method == "POST" || method == "PUT" || method == "PATCH";
    if (!framed && (!content.empty() || usually_has_content)) {
        text += "Content-Length: " + std::to_string(content.size()) + "\r\n";
    }
    return text.append("\r\n").append(content);
}

std::string chunked(std::vector<std::string> const& pieces, FieldList const& trailers) {
    std::ostringstream out;
    for (auto const& piece : pieces)
        out << std::hex << piece.size() << "\r\n" << piece << "\r\n";
    out << "0\r\n";
    for (auto const& [name, value] : trailers)
        out << name << ": " << value << "\r\n";
    out << "\r\n";
    return out.str();
}

RawClient RawClient::tcp(std::uint16_t port, SocketOptions const& options) {
    return RawClient{Socket::connect_tcp("127.0.0.1", port, options)};
}

RawClient RawClient::v6(std::uint16_t port) {
    return RawClient{Socket::connect_tcp("::1", port)};
}

RawClient RawClient::unix_socket(std::string const& path) {
    return RawClient{Socket::connect_unix(path)};
}

void RawClient::send(std::string_view bytes, Deadline deadline) {
    reader_.socket().send_all(bytes, deadline);
}

Response RawClient::read_response_head(bool request_was_head, Deadline deadline) {
    std::vector<Response> interim;
    for (;;) {
        auto head = reader_.read_head(deadline);
        if (!head) throw PeerClosed{"closed without a response"};
        auto response = parse_status_line(std::move(*head));
        response.framing =
            strict_response_framing(response.fields, response.status, request_was_head);
        // 101 is the last response of its connection (RFC 9110, 15.2.2).
        if (response.status < 200 && response.status != 101) {
            interim.push_back(std::move(response));
            continue;
        }
        response.interim = std::move(interim);
        return response;
    }
}

void RawClient::read_content(Response& response, MessageReader::Sink const& sink) {
    response.trailers = reader_.read_content(response.framing, sink);
    response.complete = true;
}

Response RawClient::read_response_as_it_comes(bool request_was_head, Deadline deadline) {
    auto response = read_response_head(request_was_head, deadline);
    try {
        read_content(response, [&](std::string_view piece) { response.content.append(piece); });
    } catch (PeerClosed const& closed) {
        response.cut_short = closed.what();
    }
    return response;
}

Response RawClient::read_response(bool request_was_head, Deadline deadline) {
    auto response = read_response_as_it_comes(request_was_head, deadline);
    if (!response.complete) throw PeerClosed{"response cut short: " + response.cut_short};
    return response;
}

Response RawClient::exchange(std::string_view request) {
    send(request);
    return read_response(request.substr(0, 5) == "HEAD ");
}

bool RawClient::closed_without_a_byte(Deadline deadline) {
    if (!reader_.left_over().empty()) return false;
    char byte = 0;
    try {
        return reader_.socket().receive(&byte, 1, deadline) == 0;
    } catch (PeerClosed const&) {
        return true;
    } catch (TimedOut const&) {
        return false;
    }
}

}  // namespace reverse_proxy::test_support
