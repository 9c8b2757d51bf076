#!/usr/bin/env bash
# Formats our C++ with clang-format 14: scripts/format.sh, or --check to list what differs and exit 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=(-i)
case ${1:-} in
    '') ;;
    --check) mode=(--dry-run --Werror) ;;
    *)
        echo "usage: scripts/format.sh [--check]" >&2
        exit 2
        ;;
esac

# Another major version formats differently; Debian 12 has 14.
formatter=$(command -v clang-format-14 || command -v clang-format) || {
    echo "clang-format was not found: run scripts/install-packages.sh lint" >&2
    exit 1
}
if [[ $("$formatter" --version) != *"version 14."* ]]; then
    echo "clang-format 14 is needed, $formatter is another version" >&2
    exit 1
fi
find src include tests \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
    xargs -0 --no-run-if-empty "$formatter" --style=file "${mode[@]}"
