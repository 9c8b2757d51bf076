#!/usr/bin/env bash
# The one list of Debian packages this project needs, and the only script that installs anything.
#
#   scripts/install-packages.sh [--list] [group...]     groups: build test browser lint bench proof packaging
#                                                     windows (default: build test browser)
#
# Installs what is missing (needs root or sudo), starts no services, and does nothing when all is there.
# Exit codes: 0 all there, 1 installing failed, 2 bad arguments, 3 this system has no apt-get.
set -euo pipefail

# shellcheck disable=SC2034  # the lists are read by name
{
build=(
    cmake ninja-build g++ ccache
    libboost1.81-dev libboost-url1.81-dev  # 1.74, Debian's default, has no Boost.URL
    libspdlog-dev libfmt-dev
    prometheus-cpp-dev libcivetweb-dev libcurl4-openssl-dev zlib1g-dev  # its CMake package asks for all
    nlohmann-json3-dev libcli11-dev libssl-dev
)
test=(
    libgtest-dev libgmock-dev
    python3 curl nginx wrk  # origins and clients of the end-to-end tests
    haproxy                 # beside nginx, what the differential tests compare with
    prometheus python3-yaml # the server and promtool; what reads their files
    procps util-linux binutils strace  # what the daemon is as a process
)
browser=(chromium chromium-driver fonts-dejavu-core)  # the status page as people see it
lint=(clang lld llvm libclang-rt-14-dev clang-format clang-tidy shellcheck gcovr python3)
bench=(
    libbenchmark-dev valgrind  # micro-benchmarks: time and instructions
    haproxy nginx wrk python3 procps util-linux
    strace linux-perf
)
proof=(gnuplot-nox fonts-dejavu-core)  # draws docs/proof
packaging=(
    dpkg-dev file lintian man-db
    buildah debootstrap
    python3-yaml
)
windows=(
    g++-mingw-w64-x86-64-posix wine wine64
    googletest dpkg-dev  # GoogleTest's source, and apt-get source for that of prometheus-cpp
)
# Its kubectl has kustomize in it. One that is there already, from wherever, will do.
command -v kubectl >/dev/null || packaging+=(kubernetes-client)
}

say() { printf 'install-packages: %s\n' "$*" >&2; }

list=false
groups=()
for argument in "$@"; do
    case $argument in
        --list) list=true ;;
        -h | --help)
            sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
            exit 0
            ;;
        build | test | browser | lint | bench | proof | packaging | windows) groups+=("$argument") ;;
        *)
            say "unknown argument '$argument'; groups are build, test, browser, lint, bench, proof," \
                "packaging, windows"
            exit 2
            ;;
    esac
done
[[ ${#groups[@]} -gt 0 ]] || groups=(build test browser)

wanted=()
for group in "${groups[@]}"; do
    declare -n members=$group
    wanted+=("${members[@]}")
done
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)

if $list; then
    printf '%s\n' "${wanted[@]}"
    exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "this system has no apt-get, so nothing was installed. These are the names of the Debian 12"
    say "packages; please install what your system calls them: ${wanted[*]}"
    exit 3
fi

# Prints those of its arguments that are not installed.
missing_of() {
    local package
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            printf '%s\n' "$package"
    done
}
mapfile -t missing < <(missing_of "${wanted[@]}")
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        say "these packages are missing, and installing them needs root (there is no sudo here)."
        say "As root, run: apt-get install --no-install-recommends ${missing[*]}"
        exit 1
    fi
    as_root=(sudo)
fi

# Debian starts nginx, haproxy and prometheus when they are installed; the tests start their own.
# Exit code 101 of policy-rc.d means "not allowed"; a policy that is already there stays in charge.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" >&2
}
say "installing ${missing[*]}"
apt update || say "the package lists could not be refreshed; going on with those at hand"
if ! apt install --yes --no-install-recommends "${missing[@]}"; then
    say "apt-get could not install all of them. The list is made for Debian 12 (bookworm)."
    exit 1
fi

# Not started now; nor shall they be at the next boot. Services that were here before are left alone.
if [[ -d /run/systemd/system ]]; then
    for service in nginx haproxy prometheus; do
        if printf '%s\n' "${missing[@]}" | grep -qx "$service"; then
            "${as_root[@]}" systemctl disable --quiet "$service" || true
        fi
    done
fi
