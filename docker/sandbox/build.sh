#!/usr/bin/env bash
# Builds the sandbox image from Debian's packages, without a registry: Python's whole standard library, bash and busybox, about 50 MB.
# Does nothing where the image is there already; --force builds it again. The engine is the one of DOCKER_HOST.
# Where images can be pulled, `docker build -t agentrollout-sandbox docker/sandbox` makes one with Debian's own tools instead.
set -euo pipefail
IMAGE=${SANDBOX_IMAGE:-agentrollout-sandbox:latest}
PACKAGES="libc6 libgcc-s1 libexpat1 zlib1g libbz2-1.0 libcrypt1 libdb5.3 libffi8 liblzma5 libncursesw6 libtinfo6 libreadline8 libsqlite3-0 libssl3 libuuid1
    libtirpc3 libnsl2 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 media-types bash busybox-static
    python3.11-minimal libpython3.11-minimal libpython3.11-stdlib"

if [ "${1:-}" != --force ] && timeout -s KILL 30 docker image inspect "$IMAGE" >/dev/null 2>&1; then exit 0; fi

echo "[docker] building $IMAGE" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/packages" "$work/root"
chmod -R 755 "$work"

cd "$work/packages"
apt-cache show python3.11-minimal >/dev/null 2>&1 || apt-get update -qq
# shellcheck disable=SC2086
apt-get download -qq $PACKAGES 2>/dev/null
for package in *.deb; do dpkg-deb -x "$package" ../root; done

cd "$work/root"
rm -rf usr/share/{doc,man,lintian,locale,bug,applications,binfmts,pixmaps,menu} usr/lib/*-linux-gnu/gconv \
    usr/lib/python3*/{test,idlelib,turtledemo,lib2to3,ensurepip,tkinter,pydoc_data} usr/lib/python3*/config-3*
mkdir -p bin tmp proc sys dev etc workspace
for applet in $(bin/busybox --list); do [ -e "bin/$applet" ] || [ -e "usr/bin/$applet" ] || ln -s busybox "bin/$applet"; done
ln -sf python3.11 usr/bin/python3
ln -sf python3 usr/bin/python
# No program of the image may run as anyone but its caller.
find . -xdev -type f -perm /6000 -exec chmod a-s {} +
printf 'root:x:0:0:root:/:/bin/bash\nsandbox:x:10001:10001::/workspace:/bin/bash\n' >etc/passwd
printf 'root:x:0:\nsandbox:x:10001:\n' >etc/group
chroot . /usr/bin/python3 -m compileall -q /usr/lib/python3.11 >/dev/null 2>&1 || true

tar -C "$work/root" -c --numeric-owner --owner=0 --group=0 --sort=name . |
    timeout -s KILL 120 docker import -c 'ENV PATH=/usr/bin:/bin' -c 'ENV LANG=C.UTF-8' - "$IMAGE" >/dev/null
