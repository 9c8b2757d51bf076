#include "reverse_proxy/http/head.hpp"

namespace reverse_proxy::http {

void Fields::clear() {
    parsed_.clear();
    added_lines_.clear();
    seen_.clear();
    options_ = 0;
}

Field const* Fields::find(FieldId id) const {
    if (!has(id)) return nullptr;
    for (Field const& field : parsed_)
        if (field.id == id && !field.dropped) return &field;
    return nullptr;
}

std::string_view Fields::value_of(FieldId id) const {
    Field const* const field = find(id);
    return field == nullptr ? std::string_view{} : field->value;
}

void Fields::drop(FieldId id) {
    drop(FieldSet{id});
}

void Fields::drop(FieldSet ids) {
    if (!has_any(ids)) return;
    for (Field& field : parsed_)
        if (ids.contains(field.id)) field.dropped = true;
}

void RequestHead::clear() {
    method = {};
    target = {};
    minor_version = 1;
    fields.clear();
}

void ResponseHead::clear() {
    status = 0;
    reason_phrase = {};
    minor_version = 1;
    fields.clear();
}

}  // namespace reverse_proxy::http
