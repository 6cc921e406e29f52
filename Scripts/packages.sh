#!/usr/bin/env bash
# Installs the Debian packages of a list when some are missing, and only then asks for root.
# Usage: Scripts/packages.sh build|test|bench
set -euo pipefail

build=(
  # The Swift toolchain itself.
  binutils git libc6-dev libcurl4 libgcc-12-dev libncurses6 libsqlite3-0 libstdc++-12-dev libxml2
  libuuid1 pkg-config tzdata zlib1g
  # What Roost links.
  libargon2-dev libcurl4-openssl-dev libpq-dev libre2-dev libsqlite3-dev libssl-dev libyaml-dev zlib1g-dev
  # What drives the build.
  make
)
test=(
  # The end-to-end tests, the benchmarks and the house rules; curl for the walk-throughs.
  curl python3 python3-venv
  # The second engine: the tests start a private cluster of their own, with a certificate, and a
  # pooler before it.
  postgresql-15 openssl pgbouncer
  # promtool, which checks the alerts of deploy/.
  prometheus
)
bench=(
  # Load, the server that Roost is compared with, a compiler for the paced client; injected faults;
  # what counts instructions; slow clients.
  curl python3 python3-venv wrk nginx-light gcc strace e2fsprogs valgrind slowhttptest
  # A network that fails, and a PostgreSQL that fails over.
  iproute2 nftables util-linux etcd-server patroni python3-etcd python3-psycopg2
)

case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${test[@]}") ;;
  bench) wanted=("${bench[@]}") ;;
  *)
    echo "usage: Scripts/packages.sh build|test|bench" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "This is not Debian, so nothing is installed. The $1 needs what these packages hold:" >&2
  echo "  ${wanted[*]}" >&2
  exit 0
fi

missing=()
installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' 2>/dev/null || true)
for package in "${wanted[@]}"; do
  grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Missing packages, and neither root nor sudo to install them. As root, run:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
  # Without a terminal nobody can type a password: fail at once with a message instead.
  [ -t 0 ] || as_root=(sudo --non-interactive)
fi

echo "Installing: ${missing[*]}" >&2
fail() {
  echo "The packages could not be installed. As root, run:" >&2
  echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
}
# One broken source among others must not stop the installation.
"${as_root[@]}" apt-get update -qq >&2 || echo "apt-get update failed; trying to go on." >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install --yes -qq --no-install-recommends "${missing[@]}" >&2 </dev/null || fail
