#!/usr/bin/env bash
# Makes and drives streaming standbys of the cluster that Scripts/with-postgres.sh runs.
#
#   Scripts/postgres-standby.sh make NAME     copies the cluster, starts the copy, prints its port
#   Scripts/postgres-standby.sh start NAME    starts it again, on its port
#   Scripts/postgres-standby.sh stop NAME     ends it at once, as a crash does
#   Scripts/postgres-standby.sh promote NAME  lets it take writes
#   Scripts/postgres-standby.sh remove NAME   ends it and removes its folder
#
# A standby lies in the folder of the cluster and ends with it at the latest: with-postgres.sh stops
# whatever it finds there. For use inside with-postgres.sh only.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: $0 make|start|stop|promote|remove NAME" >&2
  exit 2
fi
action=$1
name=$2
cluster=${ROOST_TEST_POSTGRES_FOLDER:?run this inside Scripts/with-postgres.sh}
bin=${ROOST_POSTGRES_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
folder=$cluster/standby-$name
data=$folder/data
log=$folder/log

if [ "$(id -u)" -eq 0 ]; then
  owner=$(stat -c %U "$cluster")
  as_owner() { (cd "$cluster" && setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups "$@"); }
else
  as_owner() { (cd "$cluster" && "$@"); }
fi

# The server goes on after this script: it must not keep what whoever called it waits for.
start() (
  for descriptor in "/proc/$BASHPID/fd/"*; do
    number=${descriptor##*/}
    [ "$number" -le 2 ] || [ "$number" -eq 255 ] || eval "exec $number>&-"
  done
  as_owner "$bin/pg_ctl" -D "$data" -l "$log" -w -o "-p $1" start >/dev/null 2>&1
)

case $action in
make)
  umask 077
  as_owner mkdir -p "$folder"
  # On a busy machine the cluster may end a copy that waits too long for its log.
  for attempt in 1 2 3; do
    if as_owner "$bin/pg_basebackup" -d "$ROOST_TEST_POSTGRES_ADMIN" -D "$data" -R -X stream \
      --checkpoint=fast --no-sync >&2; then
      break
    fi
    [ "$attempt" -lt 3 ] || exit 1
    as_owner rm -rf "$data"
    sleep 1
  done
  # What the copy would share with its cluster.
  as_owner tee -a "$data/postgresql.conf" >/dev/null <<SETTINGS
unix_socket_directories = '$folder'
hot_standby = on
max_standby_streaming_delay = 200ms
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
SETTINGS
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + RANDOM % 12000))
    if start "$port"; then
      echo "$port" | as_owner tee "$folder/port"
      exit 0
    fi
  done
  cat "$log" >&2
  exit 1
  ;;
start) start "$(cat "$folder/port")" ;;
stop) as_owner "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null ;;
promote) as_owner "$bin/pg_ctl" -D "$data" -w promote >/dev/null ;;
remove)
  as_owner "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
  as_owner rm -rf "$folder"
  ;;
*)
  echo "$0: $action is none of make, start, stop, promote, remove" >&2
  exit 2
  ;;
esac
