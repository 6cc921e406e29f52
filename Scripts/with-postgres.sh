#!/usr/bin/env bash
# Runs a command against a PostgreSQL of its own, which goes when the command ends.
#
#   Scripts/with-postgres.sh swift test --filter PostgresDriverTests
#
# The command finds in its environment
#   ROOST_TEST_POSTGRES        the address for a plain login that owns the database of the tests
#   ROOST_TEST_POSTGRES_ADMIN  the address for the superuser of the cluster
#   ROOST_TEST_POSTGRES_CA     the certificate with which the cluster answers over TLS
#   ROOST_TEST_POSTGRES_FOLDER the folder of the cluster, with its socket and its log
# (Scripts/postgres-standby.sh makes standbys of the cluster) and may be given
#   ROOST_POSTGRES_BIN         the folder of initdb and pg_ctl (the newest below /usr/lib/postgresql)
#   ROOST_TEST_POSTGRES_FSYNC  off for tests that do not measure: nothing is made durable
# The exit code is that of the command.
set -euo pipefail

if [ $# -eq 0 ]; then
  echo "usage: $0 command [argument ...]" >&2
  exit 2
fi

bin=${ROOST_POSTGRES_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ]; then
  echo "$0: PostgreSQL's server is missing: apt-get install postgresql," \
    "or name its programs' folder in ROOST_POSTGRES_BIN" >&2
  exit 1
fi

folder=$(mktemp -d /tmp/roost-postgres-XXXXXX)
data=$folder/data
log=$folder/log
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

# PostgreSQL refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || owner=nobody
  chown "$owner" "$folder"
  as_owner() { (cd "$folder" && setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups "$@"); }
else
  as_owner() { (cd "$folder" && "$@"); }
fi

stop() {
  local standby
  for standby in "$folder"/standby-*/data; do
    [ -d "$standby" ] || continue
    as_owner "$bin/pg_ctl" -D "$standby" -m immediate -w stop >/dev/null 2>&1 || true
  done
  as_owner "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

umask 077
printf '%s\n' "$password" >"$folder/password"
[ "$(id -u)" -ne 0 ] || chown "$owner" "$folder/password"
as_owner "$bin/initdb" -D "$data" -U roost_admin --pwfile="$folder/password" -A scram-sha-256 \
  -E UTF8 --locale=C --no-sync >"$log" 2>&1 || { cat "$log" >&2; exit 1; }

tls=off
if command -v openssl >/dev/null; then
  as_owner openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$data/server.key" -out "$data/server.crt" >>"$log" 2>&1 && tls=on
fi

as_owner tee -a "$data/postgresql.conf" >/dev/null <<SETTINGS
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 1500
shared_buffers = 128MB
fsync = ${ROOST_TEST_POSTGRES_FSYNC:-on}
full_page_writes = ${ROOST_TEST_POSTGRES_FSYNC:-on}
wal_level = replica
max_wal_senders = 20
# Copies are begun while others have the log checkpointed: none may miss a piece of it.
wal_keep_size = 512MB
deadlock_timeout = 200ms
autovacuum_naptime = 10s
ssl = $tls
log_min_messages = warning
log_min_error_statement = panic
SETTINGS

port=
for _ in 1 2 3 4 5 6 7 8 9 10; do
  candidate=$((20000 + RANDOM % 12000))
  if as_owner "$bin/pg_ctl" -D "$data" -l "$log.server" -w -o "-p $candidate" start >>"$log" 2>&1; then
    port=$candidate
    break
  fi
done
if [ -z "$port" ]; then
  cat "$log" "$log.server" >&2 || true
  exit 1
fi

export PGPASSWORD=$password
"$bin/psql" -q -v ON_ERROR_STOP=1 -h "$folder" -p "$port" -U roost_admin -d postgres <<SQL
CREATE ROLE roost LOGIN PASSWORD '$password';
CREATE DATABASE roost_test OWNER roost;
SQL
unset PGPASSWORD

# Without TLS by default, as on one machine; the tests of TLS say so themselves.
export ROOST_TEST_POSTGRES="postgresql://roost:$password@127.0.0.1:$port/roost_test?sslmode=disable&connect_timeout=60"
export ROOST_TEST_POSTGRES_ADMIN="postgresql://roost_admin:$password@127.0.0.1:$port/roost_test?sslmode=disable&connect_timeout=60"
export ROOST_TEST_POSTGRES_FOLDER=$folder
if [ $tls = on ]; then
  cp "$data/server.crt" "$folder/ca.crt"
  export ROOST_TEST_POSTGRES_CA=$folder/ca.crt
fi

code=0
"$@" || code=$?
exit "$code"
