#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace reverse_proxy::telemetry {

/// Longest normalised path and most segments of one; past either the path counts as `other`.
inline constexpr std::size_t kPathLabelBytes = 128;
inline constexpr unsigned kPathLabelSegments = 16;

using PathLabelBuffer = std::array<char, kPathLabelBytes>;

/// The label `path` for a raw path: each segment that looks like an identifier becomes `:id`, the
/// rest is kept byte for byte (`/users/42/Orders` -> `/users/:id/Orders`).
///
/// Identifiers are: digits, alone or with separators (`42`, `2024-01-15`); UUIDs; 8 or more
/// hexadecimal digits; 4 or more digits that make up half of the segment (`12345.json`); tokens (16
/// or more characters with digits and letters of both cases, 20 or more letters and digits without
/// a separator or with 6 digits); anything longer than 64 characters; anything with a byte that has
/// no place in a readable label (`%`, quotes, control bytes, non-ASCII).
///
/// @return a view into `buffer` or of a literal; empty where the path must count as `other`: it is
/// neither `*` nor begins with `/`, or its label would be over one of the bounds above
std::string_view path_label(std::string_view path, PathLabelBuffer& buffer);

}  // namespace reverse_proxy::telemetry
