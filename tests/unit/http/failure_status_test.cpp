#include "reverse_proxy/http/failure_status.hpp"

#include <gtest/gtest.h>

using namespace reverse_proxy::http;
using reverse_proxy::core::FailureKind;

namespace {

struct Row {
    FailureKind kind;
    unsigned status;
    std::string_view error_type;
    bool blames_endpoint;
};
constexpr Row kRows[] = {
    {FailureKind::request_malformed, 400, "http_request_error", false},
    {FailureKind::transfer_coding_unknown, 501, "http_request_error", false},
    {FailureKind::target_too_long, 414, "http_request_error", false},
    {FailureKind::head_too_large, 431, "http_request_error", false},
    {FailureKind::content_too_large, 413, "http_request_error", false},
    {FailureKind::head_timeout, 408, "http_request_error", false},
    {FailureKind::content_timeout, 408, "http_request_error", false},
    {FailureKind::method_not_supported, 405, "http_request_error", false},
    {FailureKind::in_flight_limit, 503, "connection_limit_reached", false},
    {FailureKind::no_endpoint, 503, "destination_unavailable", false},
    {FailureKind::connect_refused, 502, "connection_refused", true},
    {FailureKind::connect_unroutable, 502, "destination_ip_unroutable", true},
    {FailureKind::connect_timeout, 504, "connection_timeout", true},
    {FailureKind::connect_no_local_port, 502, "proxy_internal_error", false},
    {FailureKind::dns_error, 502, "dns_error", true},
    {FailureKind::dns_timeout, 502, "dns_timeout", true},
    {FailureKind::connection_terminated, 502, "connection_terminated", true},
    {FailureKind::response_malformed, 502, "http_protocol_error", true},
    {FailureKind::response_head_too_large, 502, "http_response_header_section_size", true},
    {FailureKind::response_timeout, 504, "http_response_timeout", true},
    {FailureKind::response_incomplete, 502, "http_response_incomplete", true},
    {FailureKind::client_gone, 499, "", false},
    {FailureKind::shutdown_cut, 503, "proxy_internal_error", false},
    {FailureKind::internal_error, 500, "proxy_internal_error", false},
};

}  // namespace

TEST(FailureStatus, TableOfTheContract) {
    for (Row const& row : kRows) {
        FailureStatus const& status = failure_status(row.kind);
        EXPECT_EQ(status.status, row.status) << static_cast<unsigned>(row.kind);
        EXPECT_EQ(status.error_type, row.error_type) << row.status;
        EXPECT_EQ(status.blames_endpoint, row.blames_endpoint) << row.error_type;
        EXPECT_EQ(status.log_error, row.error_type.empty() ? "client_gone" : row.error_type);
    }
}

TEST(FailureStatus, EveryStatusButTheLogOnlyOneHasAReasonPhrase) {
    for (Row const& row : kRows)
        EXPECT_EQ(reason_phrase(row.status).empty(), row.status == 499) << row.status;
    EXPECT_EQ(reason_phrase(502), "Bad Gateway");
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(299), "");
    EXPECT_EQ(reason_phrase(0), "");
}
