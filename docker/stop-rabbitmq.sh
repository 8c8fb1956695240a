#!/usr/bin/env bash
# Ends the broker that start-rabbitmq.sh started; its queues stay on disk. Idempotent. Any other broker is left alone.
set -euo pipefail
cd "$(dirname "$0")"
. ./rabbitmq.sh

id=$(broker_id) || exit 0
set_environment
cd "$ROOT"
as_rabbitmq timeout -s KILL 40 "$SBIN/rabbitmqctl" -q shutdown --timeout 30 >/dev/null 2>&1 || true
for _ in $(seq 50); do
    broker_id >/dev/null || break
    sleep 0.1
done
# One that does not end when it is asked to.
if [ "$(broker_id)" = "$id" ]; then kill -KILL "$id"; fi
epmd -kill >/dev/null 2>&1 || true
log "stopped"
