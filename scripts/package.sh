#!/usr/bin/env bash
# Makes what is installed, in build/packages/: scripts/package.sh deb | image | check
#
#   deb      the Debian package, from the release build
#   image    the container image, as an archive for `docker load` and `podman load`; needs root
#   check    makes both and tries them, and the manifests for Kubernetes: tests/packaging
#
# REVERSE_PROXY_BASE_IMAGE names the base image to build the container image with (debian:12-slim). One
# that cannot be pulled is replaced by one made with debootstrap.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/build.sh
source "$root/scripts/lib/build.sh"
out=$root/build/packages

make_deb() {
    install_packages build packaging
    # The same sources make the same package.
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
    export SOURCE_DATE_EPOCH
    configure_preset release -DREVERSE_PROXY_TESTS=OFF -DREVERSE_PROXY_PACKAGES=ON
    build_preset release --target reverse-proxy packaging_files
    rm -f "$out"/*.deb
    (umask 022 && cd "$root/build/release" && cpack -G DEB >"$out.log") || {
        cat "$out.log" >&2
        exit 1
    }
    deb=$(echo "$out"/*.deb)
    echo "$deb"
}

make_image() {
    make_deb
    # shellcheck source=scripts/packaging/image/storage.sh
    source "$root/scripts/packaging/image/storage.sh"
    ensure_base
    local version
    version=$(dpkg-deb --field "$deb" Version)
    # Docker's format: the one that knows health checks.
    images build --format docker --isolation chroot --file "$root/scripts/packaging/image/Dockerfile" \
        --ignorefile "$root/scripts/packaging/image/Dockerfile.dockerignore" \
        --build-arg BASE="$base" --build-arg PACKAGE="build/packages/${deb##*/}" \
        --timestamp "$SOURCE_DATE_EPOCH" --tag "reverse-proxy:${version%-*}" "$root" >&2
    image=reverse-proxy:${version%-*}
    archive=$out/reverse-proxy_${version%-*}_image.tar
    rm -f "$archive"
    images push --quiet "$image" "docker-archive:$archive:$image" >&2
    echo "$archive"
}

try_them() {
    REVERSE_PROXY_PACKAGES=$out REVERSE_PROXY_DEB=$deb REVERSE_PROXY_IMAGE=$image \
        REVERSE_PROXY_BASE=$base REVERSE_PROXY_BINARY=$root/build/release/reverse-proxy \
        PYTHONPATH=$root/tests/e2e python3 -m unittest discover --verbose --start-directory "$root/tests/packaging"
}

case ${1:-} in
    deb) make_deb ;;
    image) make_image ;;
    check)
        make_image
        try_them
        ;;
    *)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
        exit 2
        ;;
esac
