#!/usr/bin/env bash
# Makes .build/python, an environment with what checks /openapi.json and what stands for a key
# management service, if it is not there.
# Without a way to PyPI it says so and goes on: the test that needs it is skipped then.
set -euo pipefail
cd "$(dirname "$0")/.."

# One version, so that the same seed makes the same requests.
packages=(schemathesis==4.32.5 openapi-spec-validator==0.9.0 "moto[server]==5.1.4")
mark=.build/python/packages

[ -f "$mark" ] && [ "$(cat "$mark")" = "${packages[*]}" ] && exit 0
rm -rf .build/python
mkdir -p .build
if python3 -m venv .build/python >&2 &&
  .build/python/bin/pip install --quiet --disable-pip-version-check "${packages[@]}" >&2; then
  echo "${packages[*]}" >"$mark"
else
  rm -rf .build/python
  echo "schemathesis and moto cannot be installed: test_openapi and test_encryption_kms will be skipped." >&2
fi
