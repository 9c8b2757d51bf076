#include "tests/support/malformed_responses.hpp"

#include <map>
#include <stdexcept>

namespace reverse_proxy::test_support {
namespace {

using namespace std::string_literals;

std::map<std::string, std::string, std::less<>> const& heads() {
    static std::map<std::string, std::string, std::less<>> const table{
        {"garbage", "220 mail.example.test ESMTP ready\r\n\r\n"},
        {"status_word", "HTTP/1.1 OK 200\r\nContent-Length: 2\r\n\r\nok"},
        {"status_two_digits", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"version_3", "HTTP/3.0 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"length_and_coding",
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nok\r\n0\r\n\r\n"},
        {"two_lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"},
        {"length_word", "HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok"},
        {"length_negative", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"},
        {"length_overflow", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok"},
        {"coding_gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok"},
        {"coding_twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
        {"bare_lf", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"},
        {"obs_fold", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok"},
        {"blank_before_colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"},
        {"nul_in_value", "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 2\r\n\r\nok"s},
        {"no_colon", "HTTP/1.1 200 OK\r\nNonsense\r\nContent-Length: 2\r\n\r\nok"},
    };
    return table;
}

std::string repeated(std::string const& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i)
        out += text;
    return out;
}

std::map<std::string, std::string, std::less<>> const& others() {
    std::string const stolen = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";
    static std::map<std::string, std::string, std::less<>> const table{
        {"smuggled", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + stolen},
        {"content_204", "HTTP/1.1 204 No Content\r\n\r\n" + stolen},
        {"content_304", "HTTP/1.1 304 Not Modified\r\n\r\n" + stolen},
        {"bad_chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"},
        {"huge_chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
                       "fffffffffffffffff\r\n"},
        {"unasked_101",
         "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello"},
        {"huge_head", "HTTP/1.1 200 OK\r\n" +
                          repeated("X-Pad: " + std::string(1015, 'x') + "\r\n", 100) +
                          "Content-Length: 2\r\n\r\nok"},
        {"many_interim", repeated("HTTP/1.1 103 Early Hints\r\n\r\n", 1000)},
    };
    return table;
}

}  // namespace

std::vector<std::string> malformed_heads() {
    std::vector<std::string> kinds;
    for (auto const& entry : heads())
        kinds.push_back(entry.first);
    return kinds;
}

std::string malformed_response(std::string_view kind) {
    for (auto const* table : {&heads(), &others()}) {
        if (auto const found = table->find(kind); found != table->end()) return found->second;
    }
    throw std::invalid_argument{"unknown kind of malformed response: " + std::string{kind}};
}

}  // namespace reverse_proxy::test_support
