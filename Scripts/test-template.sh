#!/usr/bin/env bash
# Makes a server from the template in a fresh folder, builds it with this checkout, and runs its
# tests: they start it, call its action, and see what its follower and its schedule do. What is built
# is kept in .build/template.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
folder=$(mktemp -d "${TMPDIR:-/tmp}/roost-template-XXXXXX")
trap 'rm -rf "$folder"' EXIT

"${ROOST_BINARY:-.build/debug/roost}" new "$folder/app" --template server --roost "$root"
cd "$folder/app"
swift test --scratch-path "$root/.build/template"
# The program takes the commands of roost, and its app is in order.
"$root/.build/template/debug/server" doctor .
