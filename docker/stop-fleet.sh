#!/usr/bin/env bash
# Ends what start-fleet.sh started, the gateway first. Idempotent. The broker and the database stay, since others may use them: stop-rabbitmq.sh,
# stop-postgres.sh.
set -euo pipefail
ROOT=${AGENTROLLOUT_FLEET_ROOT:-/var/tmp/agentrollout/fleet}

# True where the id is still a process of that folder's, and not one that something else has now.
is_ours() { { tr '\0' ' ' <"/proc/$2/cmdline"; } 2>/dev/null | grep -qF -e "$ROOT/$1/" -e fleet.sh; }

for name in gateway worker-1 worker-2 engine-1 engine-2; do
    id=$(cat "$ROOT/$name/pid" 2>/dev/null) || continue
    if is_ours "$name" "$id"; then
        kill "$id" 2>/dev/null || true
        for _ in $(seq 450); do
            is_ours "$name" "$id" || break
            sleep 0.1
        done
        if is_ours "$name" "$id"; then kill -KILL "$id" 2>/dev/null || true; fi
    fi
    rm -f "$ROOT/$name/pid"
done
