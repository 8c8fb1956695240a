# Shared by start-rabbitmq.sh and stop-rabbitmq.sh: where our own broker keeps its files, its settings, and whether it answers.
ROOT=${AGENTROLLOUT_RABBITMQ_ROOT:-/var/tmp/agentrollout/rabbitmq}
PORT=${AGENTROLLOUT_RABBITMQ_PORT:-5674}
URL=amqp://guest:guest@127.0.0.1:$PORT/

log() { echo "[rabbitmq] $*" >&2; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
as_rabbitmq() { setpriv --reuid rabbitmq --regid rabbitmq --init-groups -- "$@"; }

# The broker's process id, where it runs.
broker_id() {
    local id
    id=$(cat "$ROOT/pid" 2>/dev/null) && [ "$(cat "/proc/$id/comm" 2>/dev/null)" = beam.smp ] && echo "$id"
}

# Everything on loopback and under $ROOT: the node, its ports, its port mapper.
set_environment() {
    export HOME=$ROOT RABBITMQ_NODENAME=agentrollout$PORT@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$PORT \
        RABBITMQ_DIST_PORT=$((PORT + 20000)) ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$((PORT - 1000)) \
        RABBITMQ_MNESIA_BASE=$ROOT/mnesia RABBITMQ_LOG_BASE=$ROOT/log RABBITMQ_ENABLED_PLUGINS_FILE=$ROOT/enabled_plugins \
        RABBITMQ_CONFIG_FILE=$ROOT/rabbitmq RABBITMQ_PID_FILE=$ROOT/pid RABBITMQ_CONF_ENV_FILE=$ROOT/none \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +S 2:2"
    SBIN=$(ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin)
}
