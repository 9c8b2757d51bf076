#include "admin/status_page.hpp"

#include "reverse_proxy/platform/crypto.hpp"
#include "status_files.hpp"

#include <string>
#include <string_view>

namespace reverse_proxy::admin {

namespace {

/// 'sha256-<base64>': a source expression of Content-Security-Policy (CSP 3, 2.3.1).
std::string hash_source(std::string_view text) {
    return "'sha256-" + platform::sha256_base64(text) + "'";
}

void insert_after(std::string& page, std::string_view tag, std::string_view text) {
    page.insert(page.find(tag) + tag.size(), text);
}

}  // namespace

http::LocalResponse status_page(bool token_wanted) {
    http::LocalResponse response;
    response.content_type = "text/html; charset=utf-8";
    response.content = embedded::kStatusHtml;
    insert_after(response.content, "<style>", embedded::kStatusCss);
    insert_after(response.content, "<script>", embedded::kStatusJs);
    // Not by trying: a browser reports a fetch that is answered 401 as an error of the page.
    if (token_wanted) insert_after(response.content, "<html", " data-token=\"wanted\"");
    // data: is for the icon alone.
    static std::string const kPolicy =
        "default-src 'none'; script-src " + hash_source(embedded::kStatusJs) + "; style-src " +
        hash_source(embedded::kStatusCss) +
        "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'";
    response.fields = {{"Content-Security-Policy", kPolicy},
                       {"X-Content-Type-Options", "nosniff"},
                       {"Referrer-Policy", "no-referrer"},
                       {"Cache-Control", "no-store"}};
    return response;
}

}  // namespace reverse_proxy::admin
