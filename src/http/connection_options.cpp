#include "reverse_proxy/http/connection_options.hpp"

#include "reverse_proxy/http/list.hpp"

namespace reverse_proxy::http {

ConnectionOption connection_option(std::string_view option) {
    if (iequals(option, "keep-alive")) return ConnectionOption::keep_alive;
    if (iequals(option, "close")) return ConnectionOption::close;
    if (iequals(option, "upgrade")) return ConnectionOption::upgrade;
    if (iequals(option, "te")) return ConnectionOption::te;
    return ConnectionOption::field;
}

void collect_connection_options(Fields const& head, std::string& options) {
    options.clear();
    if (!head.lists(ConnectionOption::field)) return;
    for (Field const& field : head.parsed()) {
        if (field.id != FieldId::connection) continue;
        for_each_element(field.value, [&](std::string_view option) {
            if (connection_option(option) != ConnectionOption::field) return;
            if (!options.empty()) options += ',';
            options += option;
        });
    }
}

void drop_connection_options(Fields& trailers, std::string_view options) {
    for_each_element(options, [&](std::string_view option) {
        for (Field& field : trailers.parsed())
            if (iequals(field.name, option)) field.dropped = true;
    });
}

}  // namespace reverse_proxy::http
