#include "reverse_proxy/http/connection_options.hpp"

#include "reverse_proxy/http/list.hpp"

namespace reverse_proxy::http {

bool names_no_field(std::string_view option) {
    return iequals(option, "keep-alive") || iequals(option, "close") ||
           iequals(option, "upgrade") || iequals(option, "te");
}

void collect_connection_options(Fields const& head, std::string& options) {
    options.clear();
    if (!head.has(FieldId::connection)) return;
    for (Field const& field : head.parsed()) {
        if (field.id != FieldId::connection) continue;
        for_each_element(field.value, [&](std::string_view option) {
            if (names_no_field(option)) return;
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
