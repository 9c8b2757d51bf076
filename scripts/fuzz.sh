#!/usr/bin/env bash
# Fuzzes: scripts/fuzz.sh [seconds for each target [target...]]
#
# Builds the preset fuzz (Clang, libFuzzer, ASan and UBSan) and runs each target of tests/fuzz, one
# after another, for 60 seconds unless told otherwise. Starts from the corpus in the repository and
# from what earlier runs have found (build/fuzz/corpus/<target>). Prints executions and findings; an
# input that breaks an invariant lies in build/fuzz/findings/ afterwards, and the exit code is 1.
#   scripts/fuzz.sh                    all targets, a minute each
#   scripts/fuzz.sh 1800 connection    half an hour of one
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/build.sh
source "$root/scripts/lib/build.sh"

seconds=${1:-60}
shift $(($# > 0))
if [[ ! $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: scripts/fuzz.sh [seconds for each target [target...]]" >&2
    exit 2
fi
mapfile -t known < <(cd "$root/tests/fuzz" && printf '%s\n' *_fuzz.cpp | sed 's/_fuzz\.cpp$//')
targets=("$@")
[[ $# -gt 0 ]] || targets=("${known[@]}")
for target in "${targets[@]}"; do
    if [[ ! -f $root/tests/fuzz/${target}_fuzz.cpp ]]; then
        printf 'fuzz: unknown target "%s"; there are: %s\n' "$target" "${known[*]}" >&2
        exit 2
    fi
done

install_packages build lint
configure_preset fuzz
build_preset fuzz --target "${targets[@]/%/_fuzz}"

export ASAN_OPTIONS=detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
build=$root/build/fuzz
findings=$build/findings
mkdir -p "$findings"
failed=0
for target in "${targets[@]}"; do
    corpus=$build/corpus/$target
    log=$build/$target.log
    seeds=$root/tests/fuzz/corpus/$target
    dictionary=$root/tests/fuzz/$target.dict
    options=("-max_total_time=$seconds" -timeout=180 -print_final_stats=1 "-artifact_prefix=$findings/$target-")
    [[ ! -f $dictionary ]] || options+=("-dict=$dictionary")
    mkdir -p "$corpus"
    status=0
    "$build/tests/fuzz/${target}_fuzz" "${options[@]}" "$corpus" "$seeds" >"$log" 2>&1 || status=$?
    statistic() { sed -n "s/^stat::$1: *//p" "$log"; }
    printf '%-17s %10s executions %7s/s %5d inputs kept  %s\n' "$target" \
        "$(statistic number_of_executed_units)" "$(statistic average_exec_per_sec)" \
        "$(find "$corpus" -type f | wc -l)" "$([[ $status -eq 0 ]] && echo clean || echo "FOUND, exit code $status")"
    if [[ $status -ne 0 ]]; then
        failed=1
        tail -n 100 "$log" >&2
    fi
done
exit "$failed"
