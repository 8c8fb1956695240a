#!/usr/bin/env bash
# Starts a fleet on loopback and prints the gateway's address: RabbitMQ, PostgreSQL, two engine nodes, two tool workers and a gateway over them.
# What is set of AGENTROLLOUT_RABBITMQ_URL and AGENTROLLOUT_DATABASE (a file or a PostgreSQL address) is used as it is; fleet.sh has the rest.
# Settings, logs and process ids are under AGENTROLLOUT_FLEET_ROOT; the gateway listens on AGENTROLLOUT_FLEET_PORT, the nodes on the two ports after it.
# stop-fleet.sh ends what this started.
set -euo pipefail
cd "$(dirname "$0")"
ROOT=${AGENTROLLOUT_FLEET_ROOT:-/var/tmp/agentrollout/fleet}
PORT=${AGENTROLLOUT_FLEET_PORT:-5080}

log() { echo "[fleet] $*" >&2; }

start() { # NAME PART PORT
    mkdir -p "$ROOT/$1"
    AGENTROLLOUT_FOLDER=$ROOT/$1 AGENTROLLOUT_URL=http://127.0.0.1:$3 setsid ./fleet.sh "$2" >"$ROOT/$1/log" 2>&1 </dev/null &
    echo $! >"$ROOT/$1/pid"
}

await() { # NAME URL
    local id
    id=$(cat "$ROOT/$1/pid")
    for _ in $(seq 1200); do
        curl -sf -m 5 -o /dev/null "$2" && return
        kill -0 "$id" 2>/dev/null || break
        sleep 0.1
    done
    log "$1 did not start:"
    tail -20 "$ROOT/$1/log" >&2
    ./stop-fleet.sh
    exit 1
}

[ ! -e "$ROOT/gateway/pid" ] || { log "a fleet is running under $ROOT; stop-fleet.sh ends it"; exit 1; }
AGENTROLLOUT_RABBITMQ_URL=$(./start-rabbitmq.sh)
AGENTROLLOUT_DATABASE=${AGENTROLLOUT_DATABASE:-$(./start-postgres.sh)}
AGENTROLLOUT_ENGINES="http://127.0.0.1:$((PORT + 1)) http://127.0.0.1:$((PORT + 2))"
export AGENTROLLOUT_RABBITMQ_URL AGENTROLLOUT_DATABASE AGENTROLLOUT_ENGINES
start engine-1 engine $((PORT + 1))
start engine-2 engine $((PORT + 2))
start worker-1 tool-worker 0
start worker-2 tool-worker 0
await engine-1 "http://127.0.0.1:$((PORT + 1))/health/ready"
await engine-2 "http://127.0.0.1:$((PORT + 2))/health/ready"
start gateway gateway "$PORT"
await gateway "http://127.0.0.1:$PORT/health/ready"
echo "http://127.0.0.1:$PORT"
