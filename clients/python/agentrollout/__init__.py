"""Client of AgentRollout, a rollout server for reinforcement learning of LLM agents.

    client = Client("http://127.0.0.1:5080")
    rollout = client.rollouts.start(environment="arithmetic", task_set={"count": 8}, samples_per_task=8)
    for lease in rollout.leases(unit="group", count=4):
        with lease:                      # acknowledged at the end of the block, given back where it raises
            for group in lease.groups:
                train(group.trajectories)
    client.weights.update(model.state_dict())

Needs Python 3.10 and nothing else; uses NumPy for batches where it is there.
"""

from .client import Client
from .errors import ConnectionLost, LeaseLost, ServerError
from .leases import Batch, Group, Lease
from .rollouts import Rollout
from .tensors import Tensor, TensorInfo, read_safetensors
from .weights import WeightUpdate

__all__ = [
    "Batch", "Client", "ConnectionLost", "Group", "Lease", "LeaseLost", "Rollout", "ServerError", "Tensor", "TensorInfo", "WeightUpdate",
    "read_safetensors",
]
