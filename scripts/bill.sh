#!/usr/bin/env bash
# What goes with the packages of a release: scripts/bill.sh
#
# Writes into build/packages, beside what scripts/package.sh made there, a bill of materials (SPDX) of
# the release binary and SHA256SUMS of all files. RELEASE_TAG, where it is set, must be the version.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/run.sh" --version >/dev/null  # builds it, if need be
version=$("$root/build/release/reverse-proxy" --version | sed 's/.* //')
if [[ -n ${RELEASE_TAG:-} && $RELEASE_TAG != "v$version" ]]; then
    echo "bill: the tag is $RELEASE_TAG and the version is $version" >&2
    exit 1
fi

out=$root/build/packages
mkdir -p "$out"
"$root/scripts/sbom.py" "$root/build/release" >"$out/reverse-proxy_$version.spdx.json"
cd "$out"
sums=$(find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs -d '\n' sha256sum)
echo "$sums" >SHA256SUMS
sha256sum --check --quiet SHA256SUMS
cat SHA256SUMS
