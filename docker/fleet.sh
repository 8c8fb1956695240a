#!/usr/bin/env bash
# Becomes one part of a fleet: fleet.sh engine | gateway | tool-worker. Writes the part's settings and runs it.
#   AGENTROLLOUT_PROGRAM    what runs; default dotnet artifacts/bin/Gateway/release/agentrollout.dll
#   AGENTROLLOUT_FOLDER     gets the settings and what the part keeps; default the working directory
#   AGENTROLLOUT_URL        where engine and gateway listen
#   AGENTROLLOUT_MODEL      the model's folder; default the shipped one
#   AGENTROLLOUT_THREADS    those that an engine computes with; default one for each processor
#   AGENTROLLOUT_DATABASE   the gateway's: a file or a PostgreSQL address
#   AGENTROLLOUT_ENGINES    the gateway's: addresses of engine nodes
#   AGENTROLLOUT_KEY        the key that engine nodes and gateway want and that the gateway presents to nodes; needed off loopback
#   AGENTROLLOUT_RABBITMQ_URL   the broker of gateway and workers
set -euo pipefail
part=${1:?engine, gateway or tool-worker}
here=$(cd "$(dirname "$0")" && pwd)
program=${AGENTROLLOUT_PROGRAM:-dotnet $here/../artifacts/bin/Gateway/release/agentrollout.dll}
folder=${AGENTROLLOUT_FOLDER:-$PWD}
model=${AGENTROLLOUT_MODEL:-$here/../models/tiny-agent}
settings=$folder/$part.json

access() {
    printf '"urls": ["%s"], "allowed_hosts": ["%s"]' "$AGENTROLLOUT_URL" "$(hostname)"
    [ -z "${AGENTROLLOUT_KEY:-}" ] \
        || printf ', "api_keys": [{ "name": "fleet", "sha256": "%s" }]' "$(printf %s "$AGENTROLLOUT_KEY" | sha256sum | cut -c1-64)"
}

engines() {
    local url separator=
    for url in $AGENTROLLOUT_ENGINES; do
        printf '%s{ "url": "%s"' "$separator" "$url"
        [ -z "${AGENTROLLOUT_KEY:-}" ] || printf ', "api_key_variable": "AGENTROLLOUT_KEY"'
        printf ' }'
        separator=', '
    done
}

umask 077
mkdir -p "$folder"
case $part in
    engine)
        printf '{ %s, "model": "%s", "weights_folder": "%s", "engine": { "threads": %s } }\n' \
            "$(access)" "$model" "$folder/weights" "${AGENTROLLOUT_THREADS:-0}" >"$settings"
        # shellcheck disable=SC2086
        exec $program serve --roles engine --config "$settings"
        ;;
    gateway)
        printf '{ %s, "model": "%s", "database": "%s", "weights_folder": "%s", "tool_bus": { "transport": "rabbitmq" }, "engines": [%s], "routing": { "probe_interval_seconds": 1 } }\n' \
            "$(access)" "$model" "$AGENTROLLOUT_DATABASE" "$folder/weights" "$(engines)" >"$settings"
        # shellcheck disable=SC2086
        exec $program serve --roles api,tools --config "$settings"
        ;;
    tool-worker)
        echo '{ "tool_bus": { "transport": "rabbitmq" } }' >"$settings"
        # shellcheck disable=SC2086
        exec $program tool-worker --config "$settings"
        ;;
    *)
        echo "Part '$part' is unknown; known parts: engine, gateway, tool-worker." >&2
        exit 2
        ;;
esac
