#!/usr/bin/env bash
# Makes a Docker Engine with the sandbox image available and prints its address, for DOCKER_HOST. Idempotent.
# An engine that answers at $DOCKER_HOST or at /var/run/docker.sock is used as it is. Otherwise one is installed from Debian's packages and
# started on a socket of its own: without systemd, without a bridge or firewall rules, as root. stop-docker.sh ends it.
set -euo pipefail
cd "$(dirname "$0")"
. ./engine.sh
. ./packages.sh

# Uses the control groups that are mounted; mounts version 1 only where there are none.
mount_cgroups() {
    local controller
    mountpoint -q /sys/fs/cgroup && return
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
        mkdir -p "/sys/fs/cgroup/$controller"
        mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
    done
}

start_engine() { # STORAGE_DRIVER
    nohup setsid dockerd --data-root "$ROOT/data" --exec-root "$ROOT/exec" --pidfile "$ROOT/docker.pid" -H "unix://$SOCKET" \
        --storage-driver "$1" --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
        --log-level warn >>"$ROOT/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 200); do
        answers "$SOCKET" && return
        sleep 0.1
    done
    return 1
}

start_own_engine() {
    local driver
    mkdir -p "$ROOT"
    exec 9>"$ROOT/start.lock"
    flock 9
    if answers "$SOCKET"; then return; fi
    mount_cgroups
    # One that is starting or stopping right now gets its time.
    for _ in $(seq 30); do
        is_running "$(cat "$ROOT/docker.pid" 2>/dev/null)" dockerd && ! answers "$SOCKET" || break
        sleep 0.1
    done
    if answers "$SOCKET"; then return; fi
    for driver in overlay2 vfs; do
        ./stop-docker.sh
        clear_remains
        if start_engine $driver 9>&-; then return; fi
        log "the engine did not start with storage driver $driver"
    done
    tail -20 "$ROOT/dockerd.log" >&2
    exit 1
}

if [[ ${DOCKER_HOST:-} == tcp://* ]]; then
    host=$DOCKER_HOST
elif [[ ${DOCKER_HOST:-} == unix://* ]] && answers "${DOCKER_HOST#unix://}"; then
    host=$DOCKER_HOST
elif [ -z "${DOCKER_HOST:-}" ] && answers /var/run/docker.sock; then
    host=unix:///var/run/docker.sock
else
    [ "$(id -u)" = 0 ] || { log "no Docker Engine answers, and only root can start one"; exit 1; }
    install_packages docker.io busybox-static curl ca-certificates procps
    start_own_engine
    host=unix://$SOCKET
fi

DOCKER_HOST=$host ./sandbox/build.sh
echo "$host"
