// Prints a generated page: `render_docs configuration > docs/configuration.md`. The packages' build
// asks for the manual and the completion.
#include "reverse_proxy/config/manual.hpp"
#include "reverse_proxy/config/settings_doc.hpp"
#include "reverse_proxy/telemetry/metrics_doc.hpp"

#include <iostream>
#include <string>
#include <string_view>

namespace {

struct Page {
    std::string_view name;
    std::string (*render)();
};

constexpr Page kPages[] = {
    {"completion", reverse_proxy::config::bash_completion},
    {"configuration", reverse_proxy::config::configuration_markdown},
    {"manual", reverse_proxy::config::manual_page},
    {"metrics", reverse_proxy::telemetry::metrics_markdown},
};

}  // namespace

int main(int argc, char** argv) {
    std::string_view const wanted = argc == 2 ? argv[1] : "";
    for (auto const& page : kPages) {
        if (page.name != wanted) continue;
        std::cout << page.render() << std::flush;
        return std::cout ? 0 : 1;
    }
    std::cerr << "Usage: render_docs PAGE, where PAGE is one of:\n";
    for (auto const& page : kPages)
        std::cerr << "  " << page.name << '\n';
    return 64;
}
