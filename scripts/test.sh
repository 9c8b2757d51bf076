#!/usr/bin/env bash
# Builds and runs the tests: scripts/test.sh [preset [arguments of ctest]]
#
# The preset is dev unless named: dev, release, asan, tsan, coverage, fuzz. Soak and bench are left out.
#   scripts/test.sh                       everything
#   scripts/test.sh asan -L unit          one label under a sanitizer
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/build.sh
source "$root/scripts/lib/build.sh"

preset=${1:-dev}
shift $(($# > 0))
groups=(build test browser)
case $preset in
    dev | release | asan | tsan) ;;
    coverage | fuzz) groups+=(lint) ;;
    *)
        printf 'test: unknown preset "%s"; there are dev, release, asan, tsan, coverage, fuzz\n' "$preset" >&2
        exit 2
        ;;
esac

# ThreadSanitizer of GCC 12 and Clang 14 gives up where the kernel randomises addresses by more than
# 28 bits, as kernels from 6.6 on do; the tests run while building too (GoogleTest lists them).
if [[ $preset == tsan && -z ${REVERSE_PROXY_TEST_FIXED_ADDRESSES:-} ]] &&
    setarch --addr-no-randomize true 2>/dev/null; then
    REVERSE_PROXY_TEST_FIXED_ADDRESSES=1 exec setarch --addr-no-randomize \
        "${BASH_SOURCE[0]}" "$preset" "$@"
fi

# The tests choose their own settings; those of the caller's shell are none of them.
unset "${!REVERSE_PROXY_@}"

install_packages "${groups[@]}"
configure_preset "$preset"
build_preset "$preset"
cd "$root"
status=0
ctest --preset "$preset" --parallel "$(nproc)" "$@" || status=$?
if [[ $preset == coverage ]]; then
    cmake --build --preset coverage-report
fi
exit "$status"
