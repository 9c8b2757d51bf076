# Buildah without a container engine; sourced, with $out set to the folder of the packages.
# shellcheck shell=bash disable=SC2154  # out

# Images and containers live beside the packages; the vfs driver needs nothing of the kernel.
images() {
    local command=$1
    shift
    buildah --root "$out/storage" --runroot "$out/storage-run" --storage-driver vfs "$command" "$@"
}

# ensure_base: sets $base to an image of Debian 12 that is at hand.
ensure_base() {
    local wanted=${REVERSE_PROXY_BASE_IMAGE:-docker.io/library/debian:12-slim}
    local own=localhost/debian:12-debootstrap
    for base in "$wanted" "$own"; do
        if images inspect --type image "$base" >/dev/null 2>&1; then return; fi
    done
    base=$wanted
    if timeout 60 buildah --root "$out/storage" --runroot "$out/storage-run" --storage-driver vfs \
        pull --quiet "$base" >/dev/null 2>&1; then
        return
    fi
    echo "package: $wanted cannot be pulled; making a base image with debootstrap" >&2
    base=$own
    local folder=$out/debootstrap container try
    for try in 1 2 3; do  # a mirror may fail once
        rm -rf --one-file-system "$folder"
        debootstrap --variant=minbase bookworm "$folder" >"$folder.log" 2>&1 && break
        tail "$folder.log" >&2
        [[ $try -lt 3 ]] || return 1
    done
    rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
    container=$(images from scratch)
    images add --quiet "$container" "$folder" / >/dev/null
    images commit --quiet --rm "$container" "$base" >/dev/null
    rm -rf --one-file-system "$folder"
}
