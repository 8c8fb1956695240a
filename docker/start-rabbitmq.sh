#!/usr/bin/env bash
# Makes a RabbitMQ broker available and prints its address, for AGENTROLLOUT_RABBITMQ_URL. Idempotent.
# A broker named by that variable is used as it is. Otherwise one is installed from Debian's packages and started on loopback, without
# systemd, as the user rabbitmq; root is needed for that. stop-rabbitmq.sh ends it.
set -euo pipefail
cd "$(dirname "$0")"
. ./rabbitmq.sh
. ./packages.sh

write_settings() {
    printf 'listeners.tcp.1 = 127.0.0.1:%s\nvm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 200MB\nlog.file.level = warning\n' \
        "$PORT" >"$ROOT/rabbitmq.conf"
    echo '[].' >"$ROOT/enabled_plugins"
    chown -R rabbitmq:rabbitmq "$ROOT"
}

if [ -n "${AGENTROLLOUT_RABBITMQ_URL:-}" ]; then
    echo "$AGENTROLLOUT_RABBITMQ_URL"
    exit
fi
if [ "$(id -u)" != 0 ]; then
    answers || { log "no broker answers on port $PORT, and only root can start one"; exit 1; }
    echo "$URL"
    exit
fi

mkdir -p "$ROOT"
exec 9>"$ROOT/start.lock"
flock 9
if ! answers; then
    install_packages rabbitmq-server
    write_settings
    set_environment
    cd "$ROOT"
    setsid setpriv --reuid rabbitmq --regid rabbitmq --init-groups -- "$SBIN/rabbitmq-server" >>"$ROOT/server.log" 2>&1 </dev/null 9>&- &
    for _ in $(seq 1200); do
        answers && break
        sleep 0.1
    done
    as_rabbitmq timeout -s KILL 200 "$SBIN/rabbitmqctl" -q await_startup --timeout 180 9>&- || { tail -20 "$ROOT/server.log" >&2; exit 1; }
fi
echo "$URL"
