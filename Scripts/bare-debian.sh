#!/usr/bin/env bash
# Runs the two promised commands on a bare Debian 12: a chroot made by mmdebstrap that holds nothing
# but Debian's minimal system, make and git, this toolchain (mounted read-only) and a clean clone of
# the committed state. Used before releases. Needs root, mmdebstrap and a way to Debian's packages.
#
# Usage: Scripts/bare-debian.sh [--keep] [COMMAND…]
#   COMMAND   what to run in the clone; default: the smoke test of `make run`, then `make test`
#   --keep    leave the folder of the chroot behind (its mounts go in any case)
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)

keep=no
if [ "${1:-}" = --keep ]; then
  keep=yes
  shift
fi
[ "$(id -u)" -eq 0 ] || { echo "bare-debian: needs root (chroot and mounts)" >&2; exit 1; }
command -v mmdebstrap >/dev/null || { echo "bare-debian: install mmdebstrap" >&2; exit 1; }
swift=$(PATH="$PATH:/opt/swift/usr/bin" command -v swift) || {
  echo "bare-debian: no Swift toolchain on the PATH" >&2
  exit 1
}
toolchain=$(cd "$(dirname "$(readlink -f "$swift")")/../.." && pwd)

root=$(mktemp -d "${TMPDIR:-/tmp}/bare-debian.XXXXXX")
mounts=()
cleanup() {
  status=$?
  # Last mounted, first unmounted; lazily, in case something is still running in there.
  for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
    umount "${mounts[i]}" 2>/dev/null || umount --lazy "${mounts[i]}" || true
  done
  if grep -qF " $root/" /proc/mounts; then
    echo "bare-debian: something is still mounted below $root; it is left there" >&2
  elif [ "$keep" = yes ]; then
    echo "bare-debian: kept $root" >&2
  else
    rm -rf --one-file-system "$root"
  fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Debian's sources as this machine has them (mirrors, proxies), without those of others.
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
  [ -f "$file" ] && sources+=("$file")
done
echo "bare-debian: making the system in $root" >&2
mmdebstrap --quiet --variant=minbase --include=ca-certificates,make,git \
  bookworm "$root" "${sources[@]}"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
  if [ -f "$file" ] && grep -qiE 'proxy|check-valid|check-date|verify' "$file"; then
    cp "$file" "$root/etc/apt/apt.conf.d/"
  fi
done

bind() { # bind SOURCE TARGET OPTIONS
  mkdir -p "$2"
  mount --bind "$1" "$2"
  mounts+=("$2")
  [ -z "${3:-}" ] || mount -o "remount,bind,$3" "$2"
}
bind "$toolchain" "$root/opt/swift" ro
mount -t proc proc "$root/proc"
mounts+=("$root/proc")
for device in null zero full random urandom tty; do
  [ -e "$root/dev/$device" ] || touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
  mounts+=("$root/dev/$device")
done
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mounts+=("$root/dev/shm")

git clone --quiet --no-local "$top" "$root/srv/roost"
inside() {
  chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    /bin/bash -c 'cd /srv/roost && exec "$@"' bare "$@" </dev/null
}
started=$SECONDS
if [ $# -gt 0 ]; then
  inside "$@"
else
  # Bash alone, because a bare system has no Python before `make test` has asked for it.
  inside Scripts/smoke-test.sh
  echo "bare-debian: make run passed after $((SECONDS - started)) s" >&2
  inside make test
fi
echo "bare-debian: passed after $((SECONDS - started)) s" >&2
