#!/usr/bin/env bash
# Builds everything and runs every test: ./test.sh [arguments of the test apps, for example --filter-class '*TokenizerTests'].
# Ends with one line "N passed, N failed, N skipped", counted from the runs themselves; exit code 1 if a test failed or an app did not finish.
set -uo pipefail
cd "$(dirname "$0")" || exit 2

if ! command -v dotnet >/dev/null; then
    echo "The .NET 10 SDK is needed: https://dot.net/download" >&2
    exit 2
fi

# The services that tests use. Where one cannot be started its tests are skipped with the reason, or fail with CI=true.
host=$(docker/start-docker.sh) && export DOCKER_HOST=$host
servers=$(tests/Services/mcp-everything/install.sh) && export MCP_SERVERS=$servers
clients=$(tests/Services/npm-clients/install.sh) && export NPM_CLIENTS=$clients
if [ -n "${AGENTROLLOUT_RABBITMQ_URL:-}" ] || (. docker/rabbitmq.sh && answers); then stop_broker=; else stop_broker=docker/stop-rabbitmq.sh; fi
broker=$(docker/start-rabbitmq.sh) && export AGENTROLLOUT_RABBITMQ_URL=$broker
if [ -n "${AGENTROLLOUT_POSTGRES_URL:-}" ] || (. docker/postgres.sh && answers); then stop_database=; else stop_database=docker/stop-postgres.sh; fi
address=$(docker/start-postgres.sh) && export AGENTROLLOUT_POSTGRES_URL=$address
trap '$stop_broker >/dev/null 2>&1; $stop_database >/dev/null 2>&1' EXIT
if ! command -v bwrap >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends bubblewrap >/dev/null
fi
export AGENTROLLOUT_CHROMIUM=${AGENTROLLOUT_CHROMIUM:-/usr/bin/chromium}
if [ ! -x "$AGENTROLLOUT_CHROMIUM" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi

dotnet build -c Release AgentRollout.sln --nologo -v quiet || exit 1

passed=0 failed=0 skipped=0
count() { sed -n "s/^ *$2: \([0-9][0-9]*\)\$/\1/p" "$1" | tail -n 1; }

log=$(mktemp)
trap 'rm -f "$log"; $stop_broker >/dev/null 2>&1; $stop_database >/dev/null 2>&1' EXIT
for project in tests/*.Tests; do
    name=$(basename "$project")
    echo "== $name"
    dotnet "artifacts/bin/$name/release/AgentRollout.$name.dll" --no-progress --no-ansi "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    if [ -z "$(count "$log" total)" ]; then
        echo "$name ended with exit code $status and no summary."
        failed=$((failed + 1))
        continue
    fi
    passed=$((passed + $(count "$log" succeeded)))
    failed=$((failed + $(count "$log" failed)))
    skipped=$((skipped + $(count "$log" skipped)))
    # 0: all passed; 2: a test failed, which is counted; 8: a filter left nothing to run. Anything else is a failure of its own.
    case $status in 0 | 2 | 8) ;; *)
        echo "$name ended with exit code $status."
        failed=$((failed + 1))
        ;;
    esac
done

# The Python client and the trainer, against the server that was just built. Arguments of the test apps leave them out.
python=/usr/bin/python3
needs='import numpy, pytest, torch'
if [ $# -eq 0 ]; then
    echo "== Python"
    # With the reference BLAS, which other packages bring along, the trainer takes ten times as long.
    if { ! "$python" -c "$needs" 2>/dev/null || ! ldconfig -p | grep -q openblas; } && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-pytest python3-numpy python3-torch libopenblas0 >/dev/null
    fi
    if "$python" -c "$needs" 2>/dev/null; then
        "$python" -m pytest -q -p no:cacheprovider clients/python samples/grpo 2>&1 | tee "$log"
        status=${PIPESTATUS[0]}
        number() { tail -n 1 "$log" | grep -oE "[0-9]+ $1" | cut -d' ' -f1; }
        [ "$status" -le 1 ] || { echo "pytest ended with exit code $status."; failed=$((failed + 1)); }
        passed=$((passed + $(number passed) + 0))
        failed=$((failed + $(number failed) + $(number error) + 0))
        skipped=$((skipped + $(number skipped) + 0))
    elif [ "${CI:-}" = true ]; then
        echo "pytest, NumPy and PyTorch are missing: apt-get install python3-pytest python3-numpy python3-torch"
        failed=$((failed + 1))
    else
        echo "skipped: pytest, NumPy and PyTorch are missing (apt-get install python3-pytest python3-numpy python3-torch)"
        skipped=$((skipped + 1))
    fi
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
