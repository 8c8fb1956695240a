#!/usr/bin/env bash
# Everything from a clean clone: builds the server, starts it on the shipped model, trains, and draws the curve. Debian 12:
#   apt-get install python3-torch python3-numpy python3-matplotlib libopenblas0
# ./run.sh [arguments of train.py, for example --steps 100 --staleness 1]; results in ./work.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch, numpy, matplotlib' || { echo "Needed: apt-get install python3-torch python3-numpy python3-matplotlib libopenblas0" >&2; exit 2; }

dotnet build -c Release "$root/src/Gateway" --nologo -v quiet
rm -rf work
mkdir work
# Keys and values as floats, as the trainer has them: the two then agree to about 1e-5.
cat > work/server.json <<JSON
{"urls": ["http://127.0.0.1:5081"], "database": "work/rollouts.db", "engine": {"kv_cache_type": "float32"}}
JSON
dotnet "$root/artifacts/bin/Gateway/release/agentrollout.dll" serve --config work/server.json > work/server.log 2>&1 &
server=$!
trap 'kill $server' EXIT
for _ in $(seq 100); do
    "$python" -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:5081/health/ready")' 2>/dev/null && break
    sleep 0.2
done
"$python" train.py --url http://127.0.0.1:5081 --log work/log.jsonl "$@"
"$python" plot.py work/log.jsonl --out work/curve.svg
