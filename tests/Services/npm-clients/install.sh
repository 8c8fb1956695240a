#!/usr/bin/env bash
# Installs the clients of other servers' protocols that tests run, from npm, and prints their folder, for NPM_CLIENTS. Idempotent. Installs Node.js from Debian's
# packages where it is missing.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v npm >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
if ! command -v npm >/dev/null; then
    echo "npm is missing (apt-get install nodejs npm)" >&2
    exit 1
fi
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >&2
    cp package-lock.json node_modules/.installed
fi
pwd
