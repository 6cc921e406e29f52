#!/usr/bin/env bash
# Runs a command against PgBouncer in transaction mode before the server of ROOST_TEST_POSTGRES.
#
#   Scripts/with-postgres.sh Scripts/with-pgbouncer.sh python3 Tests/EndToEnd/run.py test_records
#
# The command finds the pooled address in ROOST_TEST_POSTGRES, that of the server itself in
# ROOST_TEST_POSTGRES_DIRECT, and ROOST_DATABASE_POOLED=true. Where PgBouncer is missing the command
# is left out and said so. The exit code is that of the command.
set -euo pipefail

if [ $# -eq 0 ] || [ -z "${ROOST_TEST_POSTGRES:-}" ]; then
  echo "usage: Scripts/with-postgres.sh $0 command [argument ...]" >&2
  exit 2
fi
bin=${ROOST_PGBOUNCER:-/usr/sbin/pgbouncer}
if [ ! -x "$bin" ]; then
  echo "$0: PgBouncer is missing, so this is left out: $*" >&2
  exit 0
fi

# postgresql://user:password@host:port/name?…
rest=${ROOST_TEST_POSTGRES#*://}
user=${rest%%:*}
rest=${rest#*:}
password=${rest%%@*}
rest=${rest#*@}
host=${rest%%:*}
rest=${rest#*:}
port=${rest%%/*}
rest=${rest#*/}
name=${rest%%\?*}

folder=$(mktemp -d /tmp/roost-pgbouncer-XXXXXX)
pid=
stop() {
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# PgBouncer refuses to run as root.
as_owner=()
if [ "$(id -u)" -eq 0 ]; then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || owner=nobody
  as_owner=(setpriv "--reuid=$owner" "--regid=$(id -g "$owner")" --clear-groups)
fi

umask 077
printf '"%s" "%s"\n' "$user" "$password" >"$folder/users"
pooled=
for _ in 1 2 3 4 5 6 7 8 9 10; do
  candidate=$((20000 + RANDOM % 12000))
  # A small pool: what a connection leaves behind meets the others soon.
  cat >"$folder/ini" <<SETTINGS
[databases]
$name = host=$host port=$port dbname=$name
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $candidate
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $folder/users
pool_mode = transaction
default_pool_size = 20
max_client_conn = 2000
server_tls_sslmode = disable
log_connections = 0
log_disconnections = 0
log_stats = 0
SETTINGS
  [ "$(id -u)" -ne 0 ] || chown -R "$owner" "$folder"
  (cd "$folder" && exec "${as_owner[@]}" "$bin" -q "$folder/ini") >>"$folder/log" 2>&1 &
  pid=$!
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    if (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
      pooled=$candidate
      break
    fi
    sleep 0.05
  done
  [ -n "$pooled" ] && kill -0 "$pid" 2>/dev/null && break
  pooled=
done
if [ -z "$pooled" ]; then
  cat "$folder/log" >&2
  exit 1
fi

export ROOST_TEST_POSTGRES_DIRECT=$ROOST_TEST_POSTGRES
export ROOST_TEST_POSTGRES=${ROOST_TEST_POSTGRES/"@$host:$port/"/"@127.0.0.1:$pooled/"}
export ROOST_DATABASE_POOLED=true

code=0
"$@" || code=$?
exit "$code"
