#!/usr/bin/env bash
# Runs `make run` as a user would: waits for the ready line, asks for the health, makes an account,
# stores a record, and stops the server by SIGTERM, which must make everything exit 0.
# Needs bash alone, so that it also runs on a system that has nothing else yet.
set -euo pipefail
cd "$(dirname "$0")/.."

make=
server=
work=$(mktemp -d)
cleanup() {
  status=$?
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "$make" ] || kill "$make" 2>/dev/null || true
  if [ "$status" -ne 0 ]; then
    echo "smoke: FAILED; the server's output:" >&2
    cat "$work/out" "$work/err" >&2 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT
fail() {
  echo "smoke: $*" >&2
  exit 1
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port=
for _ in {1..50}; do
  candidate=$((20000 + RANDOM % 12000))
  if port_is_free "$candidate"; then
    port=$candidate
    break
  fi
done
[ -n "$port" ] || fail "found no free port"

# request METHOD PATH [BODY [TOKEN]]: prints the answer; its status is in $status.
request() {
  local method=$1 path=$2 body=${3:-} token=${4:-}
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  {
    printf '%s %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n' "$method" "$path" "$port"
    [ -z "$token" ] || printf 'Authorization: Bearer %s\r\n' "$token"
    printf 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
      "$(LC_ALL=C; printf '%d' "${#body}")" "$body"
  } >&3
  answer=$(cat <&3)
  exec 3<&-
  status=${answer#HTTP/1.1 }
  status=${status%% *}
}
expect() { # expect STATUS METHOD PATH [BODY [TOKEN]]
  local wanted=$1
  shift
  request "$@"
  [ "$status" = "$wanted" ] || fail "$1 $2 answered $status, not $wanted: $answer"
  echo "smoke: $1 $2 -> $status" >&2
}
member() { sed -nE "s/.*\"$1\":\"([^\"]*)\".*/\1/p" <<<"$answer" | head -n 1; }

make run PORT="$port" DATA="$work/data" >"$work/out" 2>"$work/err" </dev/null &
make=$!
ready="roost: ready on http://127.0.0.1:$port"
# The first build of everything takes minutes on a small machine.
for ((i = 0; i < 12000; i++)); do
  grep -qxF "$ready" "$work/out" && break
  kill -0 "$make" 2>/dev/null || fail "make run ended before the server was ready"
  sleep 0.1
done
[ "$(cat "$work/out")" = "$ready" ] || fail "standard output is not exactly the ready line"
# The recipe ends with exec, so the server is the child of make.
for process in /proc/[0-9]*; do
  read -r line <"$process/stat" 2>/dev/null || continue
  line=${line##*) }
  read -r _ parent _ <<<"$line"
  [ "$parent" = "$make" ] && server=${process#/proc/}
done
[ -n "$server" ] || fail "found no child of make run"

expect 200 GET /health/live
expect 200 GET /health/ready
expect 201 POST /v1/auth/anonymous '{}'
token=$(member accessToken)
[ -n "$token" ] || fail "no accessToken in: $answer"
expect 201 POST /v1/venues '{"name":"The Smoke Test"}' "$token"
venue=$(member id)
performance="{\"date\":\"2024-05-01T20:00:00Z\",\"venue\":\"$venue\",\"duration\":\"PT2H\"}"
expect 201 POST /v1/performances "$performance" "$token"
expect 422 POST /v1/performances "${performance/2024/2099}" "$token"
expect 200 GET /v1/performances '' "$token"

kill -TERM "$server"
server=
code=0
wait "$make" || code=$?
make=
[ "$code" -eq 0 ] || fail "make run exited $code after SIGTERM, not 0"
echo "smoke: passed on port $port" >&2
