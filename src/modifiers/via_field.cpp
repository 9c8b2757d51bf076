#include "modifiers/via_field.hpp"

namespace reverse_proxy::modifiers {

void write_via(http::Fields& fields, unsigned minor_version) {
    fields.add("Via", minor_version == 0 ? "1.0 reverse-proxy" : "1.1 reverse-proxy");
}

}  // namespace reverse_proxy::modifiers
