// Stands in for libFuzzer where that is not linked: runs the target once for every file of its
// corpus.
#include "tests/fuzz/fuzz_input.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

namespace {

void replay(std::filesystem::path const& path) {
    std::ifstream file{path, std::ios::binary};
    std::vector<char> const bytes{std::istreambuf_iterator<char>{file}, {}};
    // Of its exact size, so that AddressSanitizer sees a read behind the end.
    auto const copy = std::make_unique<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    std::fprintf(stderr, "%s\n", path.c_str());  // the last one named is the one that failed
    LLVMFuzzerTestOneInput(copy.get(), bytes.size());
}

}  // namespace

int main(int count, char** arguments) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < count; ++i) {
        if (!std::filesystem::is_directory(arguments[i])) {
            files.emplace_back(arguments[i]);
            continue;
        }
        for (auto const& entry : std::filesystem::directory_iterator{arguments[i]})
            files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (auto const& file : files)
        replay(file);
    std::fprintf(stderr, "replayed %zu inputs\n", files.size());
    return files.empty() ? 1 : 0;
}
