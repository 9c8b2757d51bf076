#include "telemetry/path_label.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using reverse_proxy::telemetry::kPathLabelBytes;
using reverse_proxy::telemetry::kPathLabelSegments;
using reverse_proxy::telemetry::path_label;
using reverse_proxy::telemetry::PathLabelBuffer;

namespace {

std::string label(std::string_view path) {
    PathLabelBuffer buffer;
    return std::string{path_label(path, buffer)};
}

struct Case {
    std::string path;
    std::string label;
};

}  // namespace

TEST(PathLabel, KeepsNames) {
    for (std::string const path : {"/",
                                   "*",
                                   "/users",
                                   "/Users/Orders/",
                                   "//double//slash",
                                   "/api/v1/items",
                                   "/oauth2/token",
                                   "/static/app.js",
                                   "/favicon.ico",
                                   "/.well-known/acme",
                                   "/a/b/c/d/e/f",
                                   "/i18n/de-AT",
                                   "/cafe",
                                   "/facade",
                                   "/effaced",
                                   "/my-article-about-2024",
                                   "/getUserAccountBalanceDetails",
                                   "/google.cloud.bigquery.v1.BigQueryRead",
                                   "/users/:id",
                                   "/x;v=1/y@z",
                                   "/how_to_use_it"})
        EXPECT_EQ(label(path), path);
}

TEST(PathLabel, ReplacesIdentifiers) {
    std::vector<Case> const cases{
        {"/users/42", "/users/:id"},
        {"/users/42/orders/7", "/users/:id/orders/:id"},
        {"/users/42/", "/users/:id/"},
        {"/0", "/:id"},
        {"/log/2024-01-15", "/log/:id"},
        {"/v/1.2.3", "/v/:id"},
        {"/users/12345.json", "/users/:id"},
        {"/img/20240115_x.jpg", "/img/:id"},
        {"/o/550e8400-e29b-41d4-a716-446655440000", "/o/:id"},
        {"/o/F47AC10B-58CC-4372-A567-0E02B2C3D479/x", "/o/:id/x"},
        {"/o/abcdefab-cdef-abcd-efab-cdefabcdefa1", "/o/:id"},
        {"/commit/3f2a9c81", "/commit/:id"},
        {"/commit/deadbeefdeadbeef", "/commit/:id"},
        {"/commit/DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "/commit/:id"},
        {"/t/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/t/:id"},
        {"/t/V1StGXR8_Z5jdHi6B-myT", "/t/:id"},
        {"/c/cus_NffrFeUfNV2Hib", "/c/:id"},
        {"/t/abcdefghij0klmnopqrst", "/t/:id"},
        {"/k/user-550e8400-e29b-41d4-a716-446655440000", "/k/:id"},
    };
    for (auto const& [path, expected] : cases)
        EXPECT_EQ(label(path), expected) << path;
}

TEST(PathLabel, ReplacesSegmentsThatAreUnfitForALabel) {
    for (std::string const segment : {"caf%C3%A9", "a b", "a\"b", "a\\b", "a\nb", "caf\xc3\xa9",
                                      "{x}", "<script>", "a\x7f", "a|b"})
        EXPECT_EQ(label("/x/" + segment + "/y"), "/x/:id/y") << segment;
    EXPECT_EQ(label(std::string{"/a\0b/c", 6}), "/:id/c");
    EXPECT_EQ(label("/" + std::string(64, 'x')), "/" + std::string(64, 'x'));
    EXPECT_EQ(label("/" + std::string(65, 'x')), "/:id");
    EXPECT_EQ(label("/" + std::string(9000, 'x') + "/y"), "/:id/y");
}

TEST(PathLabel, HasBounds) {
    std::string deep;
    for (unsigned i = 0; i < kPathLabelSegments; ++i)
        deep += "/a";
    EXPECT_EQ(label(deep), deep);
    EXPECT_EQ(label(deep + "/a"), "");

    std::string const longest = "/" + std::string(63, 'x') + "/" + std::string(63, 'y');
    ASSERT_EQ(longest.size(), kPathLabelBytes);
    EXPECT_EQ(label(longest), longest);
    EXPECT_EQ(label(longest + "y"), "");
    EXPECT_EQ(label(longest + "/"), "");
}

TEST(PathLabel, IsEmptyForWhatIsNoPath) {
    for (std::string const text : {"", "x", "example.com:443", "**", "http://a/b"})
        EXPECT_EQ(label(text), "") << text;
}
