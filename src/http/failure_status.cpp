#include "reverse_proxy/http/failure_status.hpp"

namespace reverse_proxy::http {
namespace {

constexpr FailureStatus row(unsigned status, std::string_view error_type) {
    return {status, error_type, error_type, false};
}
constexpr FailureStatus blaming(unsigned status, std::string_view error_type) {
    return {status, error_type, error_type, true};
}

constexpr FailureStatus kRequestMalformed = row(400, "http_request_error");
constexpr FailureStatus kTransferCodingUnknown = row(501, "http_request_error");
constexpr FailureStatus kTargetTooLong = row(414, "http_request_error");
constexpr FailureStatus kHeadTooLarge = row(431, "http_request_error");
constexpr FailureStatus kContentTooLarge = row(413, "http_request_error");
constexpr FailureStatus kClientTooSlow = row(408, "http_request_error");
constexpr FailureStatus kMethodNotSupported = row(405, "http_request_error");
constexpr FailureStatus kInFlightLimit = row(503, "connection_limit_reached");
constexpr FailureStatus kNoEndpoint = row(503, "destination_unavailable");
constexpr FailureStatus kConnectRefused = blaming(502, "connection_refused");
constexpr FailureStatus kConnectUnroutable = blaming(502, "destination_ip_unroutable");
constexpr FailureStatus kConnectTimeout = blaming(504, "connection_timeout");
// Our ports or descriptors ran out: every endpoint would fail alike.
constexpr FailureStatus kConnectNoLocalPort = row(502, "proxy_internal_error");
constexpr FailureStatus kDnsError = blaming(502, "dns_error");
constexpr FailureStatus kDnsTimeout = blaming(502, "dns_timeout");
constexpr FailureStatus kConnectionTerminated = blaming(502, "connection_terminated");
constexpr FailureStatus kResponseMalformed = blaming(502, "http_protocol_error");
constexpr FailureStatus kResponseHeadTooLarge = blaming(502, "http_response_header_section_size");
constexpr FailureStatus kResponseTimeout = blaming(504, "http_response_timeout");
constexpr FailureStatus kResponseIncomplete = blaming(502, "http_response_incomplete");
// 499 is nginx's number for it, which log tools know.
constexpr FailureStatus kClientGone{499, "", "client_gone", false};
constexpr FailureStatus kShutdownCut = row(503, "proxy_internal_error");
constexpr FailureStatus kInternalError = row(500, "proxy_internal_error");

}  // namespace

FailureStatus const& failure_status(core::FailureKind kind) {
    using core::FailureKind;
    switch (kind) {
    case FailureKind::request_malformed:
        return kRequestMalformed;
    case FailureKind::transfer_coding_unknown:
        return kTransferCodingUnknown;
    case FailureKind::target_too_long:
        return kTargetTooLong;
    case FailureKind::head_too_large:
        return kHeadTooLarge;
    case FailureKind::content_too_large:
        return kContentTooLarge;
    case FailureKind::head_timeout:
    case FailureKind::content_timeout:
        return kClientTooSlow;
    case FailureKind::method_not_supported:
        return kMethodNotSupported;
    case FailureKind::in_flight_limit:
        return kInFlightLimit;
    case FailureKind::no_endpoint:
        return kNoEndpoint;
    case FailureKind::connect_refused:
        return kConnectRefused;
    case FailureKind::connect_unroutable:
        return kConnectUnroutable;
    case FailureKind::connect_timeout:
        return kConnectTimeout;
    case FailureKind::connect_no_local_port:
        return kConnectNoLocalPort;
    case FailureKind::dns_error:
        return kDnsError;
    case FailureKind::dns_timeout:
        return kDnsTimeout;
    case FailureKind::connection_terminated:
        return kConnectionTerminated;
    case FailureKind::response_malformed:
        return kResponseMalformed;
    case FailureKind::response_head_too_large:
        return kResponseHeadTooLarge;
    case FailureKind::response_timeout:
        return kResponseTimeout;
    case FailureKind::response_incomplete:
        return kResponseIncomplete;
    case FailureKind::client_gone:
        return kClientGone;
    case FailureKind::shutdown_cut:
        return kShutdownCut;
    case FailureKind::internal_error:
        return kInternalError;
    }
    return kInternalError;
}

std::string_view reason_phrase(unsigned status) {
    switch (status) {
    case 100:
        return "Continue";
    case 101:
        return "Switching Protocols";
    case 102:
        return "Processing";
    case 103:
        return "Early Hints";
    case 104:
        return "Upload Resumption Supported";
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 203:
        return "Non-Authoritative Information";
    case 204:
        return "No Content";
    case 205:
        return "Reset Content";
    case 206:
        return "Partial Content";
    case 207:
        return "Multi-Status";
    case 208:
        return "Already Reported";
    case 226:
        return "IM Used";
    case 300:
        return "Multiple Choices";
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 303:
        return "See Other";
    case 304:
        return "Not Modified";
    case 305:
        return "Use Proxy";
    case 307:
        return "Temporary Redirect";
    case 308:
        return "Permanent Redirect";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 402:
        return "Payment Required";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 407:
        return "Proxy Authentication Required";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 410:
        return "Gone";
    case 411:
        return "Length Required";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 416:
        return "Range Not Satisfiable";
    case 417:
        return "Expectation Failed";
    case 421:
        return "Misdirected Request";
    case 422:
        return "Unprocessable Content";
    case 423:
        return "Locked";
    case 424:
        return "Failed Dependency";
    case 425:
        return "Too Early";
    case 426:
        return "Upgrade Required";
    case 428:
        return "Precondition Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 451:
        return "Unavailable For Legal Reasons";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    case 506:
        return "Variant Also Negotiates";
    case 507:
        return "Insufficient Storage";
    case 508:
        return "Loop Detected";
    case 510:
        return "Not Extended";
    case 511:
        return "Network Authentication Required";
    default:
        return "";
    }
}

}  // namespace reverse_proxy::http
