# Shared by start-docker.sh and stop-docker.sh: where our own Docker Engine keeps its files, and whether one answers.
ROOT=${AGENTROLLOUT_DOCKER_ROOT:-/var/tmp/agentrollout/docker}
SOCKET=$ROOT/docker.sock

log() { echo "[docker] $*" >&2; }
answers() { curl -sf -m 3 --unix-socket "$1" http://docker/_ping >/dev/null 2>&1; }

# True where a process id is a living process of that name: not a zombie, and not an id that something else has now.
is_running() { # ID NAME
    [ -n "$1" ] && [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ] && grep -qsE '^State:[[:space:]]+[^ZX]' "/proc/$1/status"
}

# Ends what an engine that died hard leaves: its containerd and shims, found by the folder in their command lines, and its files.
clear_remains() {
    local id
    rm -f "$ROOT/docker.pid" "$SOCKET"
    for id in $(pgrep -f "$ROOT/exec" || true); do
        case "$(cat "/proc/$id/comm" 2>/dev/null)" in containerd*) kill -KILL "$id" 2>/dev/null || true ;; esac
    done
    rm -f "$ROOT/exec/containerd/containerd.pid" "$ROOT"/exec/containerd/*.sock*
}
