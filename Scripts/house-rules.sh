#!/usr/bin/env bash
# Rules of the house that the formatter does not know. Prints each offence; exits 1 if there is one.
# Tests/HouseTests keeps the rest: the edges between targets, the length of files, names.
set -euo pipefail
cd "$(dirname "$0")/.."

offences=0
rule() { # rule MESSAGE PATTERN PATHSPEC…
  local message=$1 pattern=$2 hits
  shift 2
  # Files that are not committed yet count too.
  hits=$(git grep --untracked -nIE -e "$pattern" -- "$@" || true)
  [ -z "$hits" ] && return
  printf '%s\n' "$message" "$hits" '' >&2
  offences=$((offences + 1))
}

# Templates hold the texts of other packages.
rule "Sources do not import Foundation: it costs memory and start-up time." \
  '^[[:space:]]*(@[^ ]+ )?(package |public |internal |private |fileprivate )?import (struct |class |enum |protocol |func )?Foundation' 'Sources/*.swift' ':!Sources/RoostCommand/Templates/*'
# The marks are spelled with a bracket so that this file does not find itself.
rule "What is left to do belongs in an issue, not in the code." \
  '\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b' 'Sources' 'Tests' 'Scripts' 'Benchmarks' 'Examples' 'docs' '*.md' Makefile
rule "No trap for what a caller can send: try!, and unsafe conversions, need another form." \
  '\btry!' 'Sources/*.swift'
rule "A path of one machine is in the tree." \
  '(^|[^A-Za-z0-9_.])/(work|home|root|Users)/[A-Za-z]' ':!LICENSE'
rule "A merge left its marks." '^(<<<<<<<|>>>>>>>) ' .

for script in $(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run); do
  bash -n "$script" || offences=$((offences + 1))
done
python3 - $(git ls-files --cached --others --exclude-standard -- '*.py') <<'PYTHON' || offences=$((offences + 1))
import ast
import os
import subprocess
import sys

failed = False
listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                        capture_output=True, check=True).stdout.decode().split("\0")
for path in filter(os.path.isfile, listed):
    with open(path, "rb") as file:
        # Documentation calls them by their names.
        if file.read(2) == b"#!" and not os.access(path, os.X_OK):
            print(f"{path} begins with #! and cannot be run", file=sys.stderr)
            failed = True
for path in sys.argv[1:]:
    try:
        with open(path, encoding="utf-8") as file:
            ast.parse(file.read(), path)
    except SyntaxError as error:
        print(f"{path}:{error.lineno}: {error.msg}", file=sys.stderr)
        failed = True
sys.exit(failed)
PYTHON

if [ "$offences" -gt 0 ]; then
  echo "house rules: $offences broken" >&2
  exit 1
fi
echo "house rules: kept"
