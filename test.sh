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

dotnet build -c Release AgentRollout.sln --nologo -v quiet || exit 1

passed=0 failed=0 skipped=0
count() { sed -n "s/^ *$2: \([0-9][0-9]*\)\$/\1/p" "$1" | tail -n 1; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
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

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
