#!/usr/bin/env bash
# Builds the daemon if need be and runs it: scripts/run.sh [arguments of reverse-proxy]
#
# Settings come from the environment (REVERSE_PROXY_*). With no upstreams and no arguments it runs --demo,
# which brings its own origins. Standard output is the daemon's alone; the build speaks on standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/build.sh
source "$root/scripts/lib/build.sh"

install_packages build
configure_preset release -DREVERSE_PROXY_TESTS=OFF
build_preset release --target reverse-proxy

if [[ $# -eq 0 && -z ${REVERSE_PROXY_UPSTREAMS:-} ]]; then
    set -- --demo
fi
# exec: signals reach the daemon itself, and its exit code is ours.
exec "$root/build/release/reverse-proxy" "$@"
