# Shared by the scripts that build; sourced, with $root set to the top of the repository.
# Everything here is silent when there is nothing to do, and speaks on standard error.
# shellcheck shell=bash disable=SC2154  # root

# install_packages GROUP...: where there is no apt-get, CMake will say what it misses.
install_packages() {
    local status=0
    "$root/scripts/install-packages.sh" "$@" || status=$?
    [[ $status -eq 0 || $status -eq 3 ]] || exit "$status"
    if ! command -v cmake >/dev/null; then
        echo "cmake was not found" >&2
        exit 1
    fi
}

# configure_preset PRESET [-D...]: the output is shown only where it failed.
configure_preset() {
    local folder=$root/build/$1 log
    log=$folder/configure.log
    mkdir -p "$folder"
    if ! (cd "$root" && cmake --preset "$@") >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
}

# build_preset PRESET [arguments of cmake --build]
build_preset() {
    (
        cd "$root" || exit
        if ! cmake --build --preset "$@" -- -n 2>/dev/null | grep -q 'no work to do'; then
            echo "building $root/build/$1 (the first time takes some minutes)" >&2
            cmake --build --preset "$@" >&2
        fi
    )
}
