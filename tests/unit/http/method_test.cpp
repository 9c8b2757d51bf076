#include "reverse_proxy/http/method.hpp"

#include <gtest/gtest.h>

using namespace reverse_proxy::http;

namespace {

struct Row {
    std::string_view name;
    Method method;
    std::string_view label;
    bool idempotent;
};
constexpr Row kRows[] = {
    {"GET", Method::get, "GET", true},
    {"HEAD", Method::head, "HEAD", true},
    {"POST", Method::post, "POST", false},
    {"PUT", Method::put, "PUT", true},
    {"DELETE", Method::delete_, "DELETE", true},
    {"CONNECT", Method::connect, "CONNECT", false},
    {"OPTIONS", Method::options, "OPTIONS", true},
    {"TRACE", Method::trace, "TRACE", true},
    {"PATCH", Method::patch, "PATCH", false},
    {"PROPFIND", Method::other, "OTHER", false},
    {"get", Method::other, "OTHER", false},
    {"GETS", Method::other, "OTHER", false},
    {"", Method::other, "OTHER", false},
};

}  // namespace

TEST(Method, TableOfNamesLabelsAndIdempotence) {
    for (Row const& row : kRows) {
        EXPECT_EQ(method_of(row.name), row.method) << row.name;
        EXPECT_EQ(label_of(row.method), row.label) << row.name;
        EXPECT_EQ(is_idempotent(row.method), row.idempotent) << row.name;
    }
}
