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
        {"nul_in_reason", "HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok"s},
        {"bare_cr", "HTTP/1.1 200 OK\r\nX-A: b\rX-B: c\r\nContent-Length: 2\r\n\r\nok"},
        {"cr_cr_lf", "HTTP/1.1 200 OK\r\nX-A: b\r\r\nContent-Length: 2\r\n\r\nok"},
        {"two_status_lines", "HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"empty_line_first", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"status_four_digits", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"version_1_2", "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"version_lower_case", "http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"version_0_9", "<html>hello</html>\r\n\r\n"},
        {"blank_first", "HTTP/1.1 200 OK\r\n X-A: b\r\nContent-Length: 2\r\n\r\nok"},
        {"name_high_byte", "HTTP/1.1 200 OK\r\nX-\xe4: b\r\nContent-Length: 2\r\n\r\nok"},
        {"equal_lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"},
        {"list_of_lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok"},
        {"length_plus", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"},
        {"length_hex", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok"},
        {"length_empty", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok"},
        {"coding_quoted", "HTTP/1.1 200 OK\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
        {"coding_identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok"},
        {"coding_empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\nok"},
        {"coding_in_1_0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"coding_on_204", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
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

/// What follows one good chunk.
std::map<std::string, std::string, std::less<>> const& chunks() {
    auto const after_one = [](std::string const& bytes) {
        return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc" + bytes +
               "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";
    };
    static std::map<std::string, std::string, std::less<>> const table{
        {"bad_chunk", after_one("\r\nzz\r\n")},
        {"huge_chunk", after_one("\r\nfffffffffffffffff\r\n")},
        {"chunk_size_signed", after_one("\r\n+1\r\nd\r\n0\r\n\r\n")},
        {"chunk_size_negative", after_one("\r\n-1\r\nd\r\n0\r\n\r\n")},
        {"chunk_size_prefixed", after_one("\r\n0x1\r\nd\r\n0\r\n\r\n")},
        {"chunk_size_underscore", after_one("\r\n0_1\r\nd\r\n0\r\n\r\n")},
        {"chunk_size_blank_before", after_one("\r\n 1\r\nd\r\n0\r\n\r\n")},
        {"chunk_size_blank_after", after_one("\r\n1 \r\nd\r\n0\r\n\r\n")},
        {"chunk_size_zeros", after_one("\r\n" + std::string(64, '0') + "1\r\nd\r\n0\r\n\r\n")},
        {"chunk_size_empty", after_one("\r\n\r\nd\r\n0\r\n\r\n")},
        {"chunk_bare_lf", after_one("\r\n1\nd\r\n0\r\n\r\n")},
        {"chunk_bare_cr", after_one("\r\n1\rd\r\n0\r\n\r\n")},
        {"chunk_cr_cr_lf", after_one("\r\n1\r\r\nd\r\n0\r\n\r\n")},
        {"chunk_extension_bare_lf", after_one("\r\n1;a\nd\r\n0\r\n\r\n")},
        {"chunk_extension_bare_cr", after_one("\r\n1;a\rb\r\nd\r\n0\r\n\r\n")},
        {"chunk_extension_empty", after_one("\r\n1;\r\nd\r\n0\r\n\r\n")},
        {"chunk_extension_endless", after_one("\r\n1;" + std::string(5000, 'a') + "\r\nd\r\n")},
        {"chunk_data_bare_lf", after_one("\n0\r\n\r\n")},
        {"chunk_data_too_long", after_one("d\r\n0\r\n\r\n")},
        {"chunk_end_bare_lf", after_one("\r\n0\n\r\n")},
        {"chunk_trailer_length", after_one("\r\n0\r\nContent-Length: 3\r\n\r\n")},
        {"chunk_trailer_coding", after_one("\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n")},
        {"chunk_trailer_no_colon", after_one("\r\n0\r\nNonsense\r\n\r\n")},
        {"chunk_trailer_bare_lf", after_one("\r\n0\r\nX-A: b\n\r\n")},
        {"chunk_trailer_folded", after_one("\r\n0\r\nX-A: b\r\n c\r\n\r\n")},
        {"chunk_trailer_blank", after_one("\r\n0\r\nX-A : b\r\n\r\n")},
        {"chunk_trailer_status_line", after_one("\r\n0\r\nHTTP/1.1 200 OK\r\n\r\n")},
    };
    return table;
}

std::map<std::string, std::string, std::less<>> const& others() {
    std::string const stolen = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";
    static std::map<std::string, std::string, std::less<>> const table{
        {"smuggled", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + stolen},
        {"content_204", "HTTP/1.1 204 No Content\r\n\r\n" + stolen},
        {"content_304", "HTTP/1.1 304 Not Modified\r\n\r\n" + stolen},
        {"no_reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"},
        {"interim_with_coding",
         "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + stolen},
        {"many_fields",
         "HTTP/1.1 200 OK\r\n" + repeated("A: b\r\n", 1001) + "Content-Length: 2\r\n\r\nok"},
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

std::vector<std::string> malformed_chunks() {
    std::vector<std::string> kinds;
    for (auto const& entry : chunks())
        kinds.push_back(entry.first);
    return kinds;
}

std::string malformed_response(std::string_view kind) {
    for (auto const* table : {&heads(), &chunks(), &others()}) {
        if (auto const found = table->find(kind); found != table->end()) return found->second;
    }
    throw std::invalid_argument{"unknown kind of malformed response: " + std::string{kind}};
}

}  // namespace reverse_proxy::test_support
