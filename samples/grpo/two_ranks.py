"""Two ranks that hold shards of one model, as FSDP leaves them, stream these into one server.

    python3 two_ranks.py --url http://127.0.0.1:5080

Each rank has some rows of every tensor and sends only those; rank 0 begins and commits. No rank ever holds the whole model.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed
import torch.multiprocessing

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "clients/python"))

from agentrollout import Client, TensorInfo  # noqa: E402
from train import Policy  # noqa: E402

RANKS = 2


def shard(tensor, rank):
    """The rows of a rank: as many for each, the last one short where they do not divide, as FSDP chunks dimension 0."""
    rows = -(-tensor.shape[0] // RANKS)
    first = min(rank * rows, tensor.shape[0])
    return first, tensor[first:first + rows].clone()


def work(rank, options):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
    torch.distributed.init_process_group("gloo", rank=rank, world_size=RANKS)
    whole = Policy(Path(options.model)).state_dict()
    listed = [TensorInfo(name, "F32", tuple(tensor.shape)) for name, tensor in whole.items()]
    shards = {name: shard(tensor, rank) for name, tensor in whole.items()}
    del whole
    client = Client(options.url)

    # A step of an optimizer would change the shards here.
    name = [client.weights.begin(listed, version=client.weights.version + 1).id if rank == 0 else None]
    torch.distributed.broadcast_object_list(name)
    update = client.weights.attach(name[0])
    for tensor, (first, rows) in shards.items():
        if len(rows):
            update.put(tensor, rows, row=first)
    torch.distributed.barrier()
    if rank == 0:
        print(json.dumps(update.commit()))
    torch.distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:5080")
    parser.add_argument("--model", default=str(ROOT / "models/tiny-agent"))
    parser.add_argument("--port", type=int, default=29511, help="where the ranks meet")
    torch.multiprocessing.spawn(work, (parser.parse_args(),), RANKS)


if __name__ == "__main__":
    main()
