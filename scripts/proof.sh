#!/usr/bin/env bash
# Makes docs/proof anew, in some minutes: scripts/proof.sh [folder]
#
# Builds the release binary, overloads it, kills an origin behind it, runs the feature tests against it
# and draws what happened; docs/proof/README.md says what to see. CI's long run does it every night.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/build.sh
source "$root/scripts/lib/build.sh"

install_packages build test proof
configure_preset release -DREVERSE_PROXY_TESTS=OFF
build_preset release --target reverse-proxy
"$root/scripts/proof/runs.py" "$root/build/release/reverse-proxy" "${1:-$root/docs/proof}"
