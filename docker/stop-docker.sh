#!/usr/bin/env bash
# Ends the Docker Engine that start-docker.sh started, with its containers; images stay. Idempotent. Any other engine is left alone.
set -euo pipefail
cd "$(dirname "$0")"
. ./engine.sh

id=$(cat "$ROOT/docker.pid" 2>/dev/null || true)
is_running "$id" dockerd || exit 0

if answers "$SOCKET"; then
    for container in $(DOCKER_HOST=unix://$SOCKET timeout -s KILL 10 docker ps -aq || true); do
        DOCKER_HOST=unix://$SOCKET timeout -s KILL 10 docker rm -f "$container" >/dev/null 2>&1 || true
    done
fi
kill -TERM "$id"
for _ in $(seq 150); do
    is_running "$id" dockerd || break
    sleep 0.1
done
# A runtime that hangs can hold it.
if is_running "$id" dockerd; then kill -KILL "$id"; fi
containerd=$(cat "$ROOT/exec/containerd/containerd.pid" 2>/dev/null || true)
if is_running "$containerd" containerd; then kill -TERM "$containerd"; fi
log "stopped"
