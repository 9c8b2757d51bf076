#include "reverse_proxy/http/head.hpp"

namespace reverse_proxy::http {

void Fields::clear() {
    parsed_.clear();
    added_.clear();
    added_text_.clear();
    seen_.clear();
}

std::string_view Fields::value(AddedField const& field) const {
    return added_text_.view().substr(field.value_begin, field.value_size);
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

void Fields::add(std::string_view name, std::string_view value) {
    added_.push_back({name, static_cast<std::uint32_t>(added_text_.size()),
                      static_cast<std::uint32_t>(value.size())});
    added_text_.append(value);
}

void Fields::add(std::string_view name, std::initializer_list<std::string_view> pieces) {
    add(name, std::string_view{});
    for (std::string_view const piece : pieces)
        extend(piece);
}

void Fields::extend(std::string_view piece) {
    added_.back().value_size += static_cast<std::uint32_t>(piece.size());
    added_text_.append(piece);
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
