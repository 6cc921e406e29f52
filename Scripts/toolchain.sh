#!/usr/bin/env bash
# Fails with a clear message unless a Swift toolchain of at least 6.2 is on the PATH.
set -euo pipefail

if ! command -v swift >/dev/null; then
  echo "No Swift toolchain was found. Install Swift 6.3 for Debian 12 from" >&2
  echo "https://www.swift.org/install/linux/ and put its usr/bin on the PATH." >&2
  exit 1
fi
version=$(swift --version 2>&1 | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' | head -n 1)
read -r major minor <<<"${version:-0 0}"
if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 2 ]; }; then
  echo "Roost needs Swift 6.2 or later; $(command -v swift) is:" >&2
  swift --version >&2 || true
  exit 1
fi
