#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) over src/ or over the files given: scripts/tidy.sh [src/room/file.cpp...]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/build.sh
source "$root/scripts/lib/build.sh"
install_packages build lint

# A folder of its own, configured but never built: Clang's own flags, whatever compiler build/dev has.
configure_preset dev -B "$root/build/tidy" -DCMAKE_CXX_COMPILER=clang++ \
    -DREVERSE_PROXY_TESTS=OFF

files=()
if [[ $# -gt 0 ]]; then
    mapfile -t files < <(realpath -- "$@")
fi
cd "$root"
if [[ ${#files[@]} -eq 0 ]]; then
    # Largest first: the last file to finish is then a small one.
    mapfile -t files < <(find src -path src/platform/windows -prune -o -name '*.cpp' -printf '%s %p\n' |
        sort -rn | cut -d' ' -f2-)
fi
printf '%s\0' "${files[@]}" |
    xargs -0 --no-run-if-empty --max-args=1 --max-procs="$(nproc)" clang-tidy -p build/tidy --quiet
