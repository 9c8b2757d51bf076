#!/usr/bin/env bash
# Builds for 64-bit Windows and runs the unit and integration tests under Wine: scripts/windows.sh [arguments of ctest]
#
# All is kept in build/windows/: reverse-proxy.exe, the sources fetched for it, and Wine's own folder.
#   GTEST_FILTER="Framing*" scripts/windows.sh   some of the tests: each of ctest's is a share of many
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/build.sh
source "$root/scripts/lib/build.sh"
build=$root/build/windows

# fetch_source PACKAGE: unpacks Debian's source of it into $build/PACKAGE. The system's own apt is only read.
fetch_source() {
    [[ ! -d $build/$1 ]] || return 0
    local apt=$build/apt
    mkdir -p "$apt/sources.list.d" "$apt/lists/partial" "$apt/archives/partial" "$apt/source"
    # Each entry for packages once more, for sources: the same addresses, signed by the same keys.
    local entry
    for entry in /etc/apt/sources.list.d/*.sources; do
        [[ ! -e $entry ]] || sed 's/^Types:.*/Types: deb-src/' "$entry" >"$apt/sources.list.d/${entry##*/}"
    done
    for entry in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ ! -e $entry ]] || sed -n 's/^deb[[:blank:]]/deb-src /p' "$entry" >"$apt/sources.list.d/${entry##*/}.list"
    done
    echo "fetching the source of $1" >&2
    local get=(apt-get -qq
        -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/sources.list.d"
        -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt"
        -o APT::Sandbox::User="$(id --user --name)" -o Acquire::Languages=none -o Acquire::Retries=3)
    "${get[@]}" update >&2 || echo "not every list of sources could be fetched; going on with the others" >&2
    (cd "$apt/source" && "${get[@]}" source "$1") >&2
    mv "$apt/source/$1"-*/ "$build/$1"
    rm -rf "$apt"
}

# A folder for Wine, and a server that stays between two tests: starting one takes a second.
start_wine() {
    export WINEPREFIX=$build/wine WINEDEBUG=-all \
        WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=  # as the toolchain file has it
    trap 'wineserver --kill || true' EXIT
    if [[ ! -e $WINEPREFIX/system.reg ]]; then
        echo "preparing $WINEPREFIX" >&2
        env -u DISPLAY timeout 300 wineboot --init >&2
        timeout 120 wineserver --wait
    fi
    wineserver --kill || true  # one that an earlier run left
    timeout 120 wineserver --wait
    wineserver --persistent
    # Wine's own processes start here: as children of a test they would hold its output open for ever.
    env -u DISPLAY timeout 120 wineboot >/dev/null 2>&1 </dev/null
}

# The tests choose their own settings; those of the caller's shell are none of them.
unset "${!REVERSE_PROXY_@}"

install_packages build windows
mkdir -p "$build"
fetch_source prometheus-cpp
configure_preset windows
build_preset windows
start_wine
cd "$root"
# One at a time: all of Wine goes through one thread of its server, and the tests have bounds in time.
ctest --preset windows "$@"
