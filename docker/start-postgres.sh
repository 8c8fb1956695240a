#!/usr/bin/env bash
# Makes a PostgreSQL server available and prints its address, for AGENTROLLOUT_POSTGRES_URL. Idempotent.
# A server named by that variable is used as it is. Otherwise one is installed from Debian's packages and started on loopback, without
# systemd, as the user postgres; root is needed for that. stop-postgres.sh ends it.
set -euo pipefail
cd "$(dirname "$0")"
. ./postgres.sh
. ./packages.sh

if [ -n "${AGENTROLLOUT_POSTGRES_URL:-}" ]; then
    echo "$AGENTROLLOUT_POSTGRES_URL"
    exit
fi
if [ "$(id -u)" != 0 ]; then
    answers || { log "no server answers on port $PORT, and only root can start one"; exit 1; }
    echo "$URL"
    exit
fi

mkdir -p "$ROOT"
exec 9>"$ROOT.lock"
flock 9
if ! answers; then
    [ -n "$(programs)" ] || install_packages postgresql
    chown postgres:postgres "$ROOT"
    chmod 700 "$ROOT"
    cd "$ROOT"
    # Whoever reaches the loopback address of this machine may use it: it is for tests.
    [ -f data/PG_VERSION ] || as_postgres "$(programs)/initdb" -D "$ROOT/data" -U agentrollout --auth=trust -E UTF8 --no-locale >/dev/null
    as_postgres "$(programs)/pg_ctl" -D "$ROOT/data" -w -t 120 -l "$ROOT/server.log" \
        -o "-c listen_addresses=127.0.0.1 -c port=$PORT -c unix_socket_directories=$ROOT -c max_connections=200" start >/dev/null 9>&- \
        || { tail -20 "$ROOT/server.log" >&2; exit 1; }
fi
echo "$URL"
