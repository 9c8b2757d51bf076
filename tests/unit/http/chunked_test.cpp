#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/http/chunked.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

using namespace reverse_proxy::http;
using Status = ChunkDecoder::Status;

namespace {

/// What came out of chunked content, and how it ended.
struct Decoded {
    Status status{Status::need_more};
    std::string content;
    std::size_t consumed{0};  // up to the trailers; 0 where it failed
    bool operator==(Decoded const&) const = default;
};

/// Decodes `pieces` one after the other; what a piece leaves after the last chunk is not decoded.
Decoded decode(std::vector<std::string_view> const& pieces) {
    ChunkDecoder decoder;
    Decoded decoded;
    for (std::string_view piece : pieces) {
        while (!piece.empty()) {
            auto const step = decoder.decode(piece);
            decoded.status = step.status;
            if (step.status == Status::failed) {
                EXPECT_FALSE(decoder.reason().empty());
                decoded.consumed = 0;
                return decoded;
            }
            EXPECT_EQ(step.content.empty(), step.status != Status::content);
            EXPECT_GT(step.consumed, 0U);
            if (step.status == Status::need_more) {
                EXPECT_EQ(step.consumed, piece.size());
            }
            decoded.content += step.content;
            decoded.consumed += step.consumed;
            if (step.status == Status::trailers) return decoded;
            piece.remove_prefix(step.consumed);
        }
    }
    return decoded;
}

/// The outcome, which no cut may change.
Decoded decode_in_every_cut(std::string_view bytes) {
    Decoded const whole = decode({bytes});
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        Decoded const parts = decode({bytes.substr(0, cut), bytes.substr(cut)});
        EXPECT_EQ(parts.content, whole.content) << bytes << " cut at " << cut;
        EXPECT_EQ(parts.consumed, whole.consumed) << bytes << " cut at " << cut;
        EXPECT_EQ(parts.status == Status::failed, whole.status == Status::failed) << bytes;
        EXPECT_EQ(parts.status == Status::trailers, whole.status == Status::trailers) << bytes;
    }
    std::vector<std::string_view> single;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        single.push_back(bytes.substr(i, 1));
    Decoded const one_by_one = decode(single);
    EXPECT_EQ(one_by_one.content, whole.content) << bytes;
    EXPECT_EQ(one_by_one.consumed, whole.consumed) << bytes;
    return whole;
}

std::string chunk(std::string_view content) {
    std::array<char, 18> size{};
    std::string text{size.data(), write_chunk_size(size.data(), content.size())};
    return text.append(content).append("\r\n");
}

}  // namespace

TEST(ChunkDecoder, WholeMessagesInEveryCut) {
    struct Row {
        std::string_view bytes;
        std::string_view content;
        std::size_t consumed;
    };
    constexpr Row kRows[] = {
        {"0\r\n\r\n", "", 3},
        {"5\r\nhello\r\n0\r\n\r\n", "hello", 13},
        {"5\r\nhello\r\n6\r\n world\r\n0\r\nA: b\r\n\r\n", "hello world", 24},
        {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 18},
        {"a\r\n0123456789\r\n0\r\n\r\n", "0123456789", 18},
        {"0000000000000005\r\nhello\r\n000\r\n\r\n", "hello", 30},
        {"5\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n", 13},
        {"1;a\r\nx\r\n0;b=c\r\n\r\n", "x", 15},
        {"1 ; a = \"q;\\\"\t\" ;b\r\nx\r\n0\r\n\r\n", "x", 26},
        {"1;a=b;c=\"d\"\r\nx\r\n0\r\n\r\n", "x", 19},
        {"0\r\nmore", "", 3},
    };
    for (Row const& row : kRows) {
        Decoded const decoded = decode_in_every_cut(row.bytes);
        EXPECT_EQ(decoded.status, Status::trailers) << row.bytes;
        EXPECT_EQ(decoded.content, row.content) << row.bytes;
        EXPECT_EQ(decoded.consumed, row.consumed) << row.bytes;
    }
}

TEST(ChunkDecoder, RefusedInEveryCut) {
    using namespace std::string_view_literals;
    for (std::string_view const bytes :
         {"\r\n"sv, "x\r\n"sv, " 5\r\n"sv, "5 \r\n"sv, "5\t\r\n"sv, "+5\r\n"sv, "-5\r\n"sv,
          "0x5\r\n"sv, "5_0\r\n"sv, "5h\r\n"sv, "5\n"sv, "5\rx"sv, "5\r\r\n"sv, "\n5\r\n"sv,
          ";a\r\n"sv, "\0005\r\n"sv, "5\0\r\n"sv, "\x85\r\n"sv, "5,5\r\n"sv, "0.5\r\n"sv,
          // sizes that overflow, or never end
          "8000000000000000\r\n"sv, "ffffffffffffffff\r\n"sv, "10000000000000000\r\n"sv,
          "00000000000000005\r\n"sv, "00000000000000000\r\n"sv,
          // extensions
          "5;\r\n"sv, "5;;a\r\n"sv, "5;a=\r\n"sv, "5;a \r\n"sv, "5;a=b \r\n"sv, "5;=b\r\n"sv,
          "5;a=b=c\r\n"sv, "5;a=\"b\r\n"sv, "5;a=\"b\nc\"\r\n"sv, "5;a=\"b\"c\r\n"sv, "5;a b\r\n"sv,
          "5;a\n"sv, "5;a\rb"sv, "5;a\0\r\n"sv, "5 a\r\n"sv, "5;a=\"\\\n\"\r\n"sv, "5;a=\x80\r\n"sv,
          "5;a\r\rhello"sv, "5;a,b\r\n"sv,
          // after the content
          "1\r\nxy"sv, "1\r\nx\n0\r\n\r\n"sv, "1\r\nx\ry"sv, "1\r\nx0\r\n"sv, "1\r\nx\r\n\r\n"sv,
          "1\r\nx;\n"sv, "0\n"sv, "0\r0"sv})
        EXPECT_EQ(decode_in_every_cut(bytes).status, Status::failed) << bytes;
}

TEST(ChunkDecoder, LargestSizeIsWaitedFor) {
    EXPECT_EQ(decode({"7fffffffffffffff\r\nx"}).content, "x");
}

TEST(ChunkDecoder, ExtensionsOfAMessageAreBounded) {
    std::string const extended = "1;" + std::string(999, 'a') + "\r\nx\r\n";
    std::string const four = extended + extended + extended + extended;
    EXPECT_EQ(decode({four + "0\r\n"}).status, Status::trailers);
    EXPECT_EQ(decode({four + extended}).status, Status::failed);
    EXPECT_EQ(decode({"1;" + std::string(5000, 'a')}).status, Status::failed);
}

TEST(ChunkDecoder, AgreesWithAReferenceOverRandomMessages) {
    reverse_proxy::core::Random random{5};
    for (int round = 0; round < 500; ++round) {
        std::string bytes;
        std::string content;
        for (std::uint64_t chunks = random.below(6); chunks > 0; --chunks) {
            std::string piece;
            for (std::uint64_t size = 1 + random.below(40); size > 0; --size)
                piece += static_cast<char>(random.below(256));
            bytes += chunk(piece);
            content += piece;
        }
        bytes += "0\r\n\r\n";
        std::vector<std::string_view> pieces;
        for (std::string_view rest = bytes; !rest.empty();) {
            pieces.push_back(rest.substr(0, 1 + random.below(9)));
            rest.remove_prefix(pieces.back().size());
        }
        EXPECT_EQ(decode(pieces), (Decoded{Status::trailers, content, bytes.size() - 2}));
    }
}

TEST(ChunkDecoder, RandomBytesNeverGetOutOfTheBuffer) {
    constexpr std::string_view kAlphabet = "0159afx;=\" \t\r\n\\";
    reverse_proxy::core::Random random{6};
    unsigned failed = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes;
        for (std::uint64_t size = random.below(24); size > 0; --size)
            bytes += kAlphabet[random.below(kAlphabet.size())];
        Decoded const decoded = decode({bytes});
        failed += decoded.status == Status::failed ? 1 : 0;
        EXPECT_LE(decoded.consumed, bytes.size());
    }
    EXPECT_GT(failed, 1000U);
}

TEST(WriteChunkSize, PlainHexadecimal) {
    auto const written = [](std::uint64_t size) {
        std::array<char, 18> out{};
        return std::string{out.data(), write_chunk_size(out.data(), size)};
    };
    EXPECT_EQ(written(0), "0\r\n");
    EXPECT_EQ(written(10), "a\r\n");
    EXPECT_EQ(written(65'536), "10000\r\n");
    EXPECT_EQ(written(~std::uint64_t{0}), "ffffffffffffffff\r\n");
}
