#include "reverse_proxy/http/encode.hpp"

#include <array>
#include <charconv>

namespace reverse_proxy::http {

void append_field(core::Text& text, std::string_view name, std::string_view value) {
    text.append(name, ": ", value, "\r\n");
}

void append_number(core::Text& text, std::uint64_t number) {
    std::array<char, 20> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text.append(std::string_view{digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void append_fields(core::Text& text, Fields const& fields) {
    char const* run_begin = nullptr;
    char const* run_end = nullptr;
    auto const end_run = [&] {
        if (run_begin != nullptr)
            text.append(std::string_view{run_begin, static_cast<std::size_t>(run_end - run_begin)});
        run_begin = run_end = nullptr;
    };
    for (Field const& field : fields.parsed()) {
        if (field.dropped) continue;
        char const* const line_end = field.line.data() + field.line.size();
        if (field.canonical && field.line.data() == run_end) {
            run_end = line_end;
            continue;
        }
        end_run();
        if (field.canonical) {
            run_begin = field.line.data();
            run_end = line_end;
        } else {
            append_field(text, field.name, field.value);
        }
    }
    end_run();
    text.append(fields.added_lines());
}

}  // namespace reverse_proxy::http
