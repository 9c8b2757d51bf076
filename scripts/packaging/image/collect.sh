#!/bin/sh
# collect.sh PACKAGE.deb FOLDER: installs the package on this Debian system and copies the daemon, the
# libraries that it loads and what says where they come from to FOLDER, the root of an image.
set -eu
package=$(realpath "$1")
image=$2
daemon=/usr/bin/reverse-proxy

export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o Acquire::Retries=3 update
apt-get -qq -o Acquire::Retries=3 install --yes --no-install-recommends "$package" >/dev/null

install -D "$daemon" "$image$daemon"
mkdir -p "$image/etc" "$image/var/lib/dpkg/status.d" "$image/usr/share/doc"
install -d -m 1777 "$image/tmp"
install -d -o 65532 -g 65532 "$image/run/reverse-proxy"  # for unix sockets to listen on
echo 'nonroot:x:65532:65532:nonroot:/:/usr/sbin/nologin' >"$image/etc/passwd"
echo 'nonroot:x:65532:' >"$image/etc/group"
echo 'hosts: files dns' >"$image/etc/nsswitch.conf"
cp /etc/debian_version /etc/os-release "$image/etc/"

# The first path in each line of ldd: the loader's own line begins with it, the others have it behind =>.
ldd "$daemon" | sed -n 's#^[^/]*\(/[^ ]*\).*#\1#p' | sort -u | while read -r library; do
    # By the name under which it is looked for, though /lib is a link to /usr/lib here.
    install -D -m 755 "$(realpath "$library")" "$image$library"
    # Debian records some files by their place before /lib became a link.
    owner=$(dpkg --search "$(realpath "$library")" 2>/dev/null ||
        dpkg --search "$(realpath "$library" | sed 's#^/usr##')")
    echo "${owner%%:*}"
done >/tmp/owners

# Scanners find out what is in the image, and its licences go with it.
for name in reverse-proxy $(sort -u /tmp/owners); do
    dpkg --status "$name" >"$image/var/lib/dpkg/status.d/$name"
    mkdir -p "$image/usr/share/doc/$name"
    cp -L "/usr/share/doc/$name/copyright" "$image/usr/share/doc/$name/"
done
