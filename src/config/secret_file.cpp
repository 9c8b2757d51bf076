#include "config/secret_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace reverse_proxy::config {

namespace {

constexpr std::size_t kMaxSecretBytes = 65'536;

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string shown_path(std::string const& path) {
    if (path.front() == '/' || path.front() == '.') return shown(path);
    return "a value that is not shown";
}

std::string last_error() {
    return std::error_code{errno, std::generic_category()}.message();
}

void strip_line_end(std::string& text) {
    if (text.empty() || text.back() != '\n') return;
    text.pop_back();
    if (!text.empty() && text.back() == '\r') text.pop_back();
}

}  // namespace

Parsed<std::string> read_secret_file(std::string const& path) {
    std::unique_ptr<std::FILE, CloseFile> const file{std::fopen(path.c_str(), "rb")};
    if (!file) return Problem{"cannot be opened (" + last_error() + ")", shown_path(path)};

    std::string content;
    std::array<char, 4096> piece{};
    // Two bytes more than a secret may have, for its line end; and one to see that there is more.
    while (content.size() <= kMaxSecretBytes + 2) {
        std::size_t const count = std::fread(piece.data(), 1, piece.size(), file.get());
        content.append(piece.data(), count);
        if (count < piece.size()) break;
    }
    if (std::ferror(file.get()) != 0)
        return Problem{"cannot be read (" + last_error() + ")", shown_path(path)};

    strip_line_end(content);
    if (content.empty()) return Problem{"names an empty file", shown_path(path)};
    if (content.size() > kMaxSecretBytes)
        return Problem{"names too large a file", shown_path(path)};
    return content;
}

}  // namespace reverse_proxy::config
