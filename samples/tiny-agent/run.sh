#!/usr/bin/env bash
# Makes models/tiny-agent from nothing: facts, demonstrations, tokenizer, two training phases, export, evaluation.
# Usage: ./run.sh [WORK-FOLDER]      Needs the .NET 10 SDK and Python 3.11 with PyTorch, NumPy and Jinja2.
set -euo pipefail
cd "$(dirname "$0")"
work=${1:-work}
python=${PYTHON:-python3}
mkdir -p "$work"

# One BLAS thread per worker. OpenBLAS does not know every virtual processor; glibc should keep big buffers instead of returning them.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-SkylakeX}
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592

"$python" make_facts.py
dotnet run -c Release --project Demonstrations -- --count 50000 --mistakes 0.3 --seed 1 \
    --out "$work/demonstrations.jsonl" --held-out "$work/held-out.jsonl"
# The ids of the shipped vocabulary are in golden tests; delete tokenizer.json to learn a new one.
if [ ! -f ../../models/tiny-agent/tokenizer.json ]; then
    "$python" train_tokenizer.py "$work/demonstrations.jsonl"
    "$python" make_golden.py
fi

"$python" train.py --steps 1500 --context-weight 0.1 --seed 1 --out "$work/practice.pt"
"$python" train.py --steps 3200 --decay 0.6 --seed 2 --start "$work/practice.pt" \
    --demonstrations "$work/demonstrations.jsonl" --practice-share 0.25 --out "$work/imitation.pt"

"$python" export.py "$work/imitation.pt"
"$python" evaluate.py "$work/imitation.pt" "$work/held-out.jsonl"
