"""Trajectories in the hands of a trainer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .errors import LeaseLost
from .http import SAFETENSORS, Http
from .tensors import read_safetensors


@dataclass(frozen=True)
class Group:
    """The trajectories of one task.

    Attributes:
        id: the group.
        trajectories: in the order in which they finished.
        advantages: one per trajectory, where they were asked for.
    """

    id: str
    trajectories: list[dict[str, Any]]
    advantages: list[float] | None


class Lease:
    """A hold on trajectories. As a context manager it acknowledges at the end of the block, or gives back where the block raises.

    Attributes:
        id: names it; None where it holds nothing.
        expires_at: ISO 8601; until then nobody else gets the trajectories.
        exhausted: True once nothing will come any more.
        delivery: counts of the rollout's trajectories: ``available``, ``leased``, ``acknowledged``, ``dropped`` by reason.
        trajectories: what it holds, in the format ``agentrollout.trajectory/1``; empty for a batch.
        groups: the same by group, where groups were taken.
    """

    def __init__(self, http: Http, answer: dict[str, Any]):
        self._http = http
        self.id: str | None = answer["lease_id"]
        self.expires_at: str | None = answer["expires_at"]
        self.exhausted: bool = answer["exhausted"]
        self.delivery: dict[str, Any] = answer["delivery"]
        self.trajectories: list[dict[str, Any]] = answer.get("trajectories", [])
        by_id = {trajectory["id"]: trajectory for trajectory in self.trajectories}
        self.groups = [
            Group(group["id"], [by_id[name] for name in group["trajectory_ids"] if name in by_id], group["advantages"])
            for group in answer["groups"] or []
        ]

    def ack(self) -> int:
        """The trajectories are done with; returns how many.

        Raises:
            LeaseLost: it had expired, and others have some of them.
        """
        if self.id is None:
            return 0
        ended = self._http.json("POST", f"/v1/leases/{self.id}/ack")
        if ended["lost"]:
            raise LeaseLost(self.id, ended["acknowledged"], ended["lost"])
        return ended["acknowledged"]

    def release(self) -> None:
        """Gives the trajectories back at once."""
        if self.id is not None:
            self._http.json("POST", f"/v1/leases/{self.id}/release")

    def extend(self, seconds: float = 300) -> None:
        """Holds them for so long from now on."""
        if self.id is not None:
            self.expires_at = self._http.json("POST", f"/v1/leases/{self.id}/extend", {"seconds": seconds})["expires_at"]

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self.ack()
        else:
            self.release()


class Batch:
    """A padded batch: arrays of [rows, longest] and [rows], a row per sequence (docs/delivery.md lists them).

    ``batch["input_ids"]`` is a NumPy array, or a ``Tensor`` of bytes where NumPy is missing.

    Attributes:
        tensors: all arrays by name.
        trajectory_ids: the trajectory of each row.
        rollout_id: the rollout that they are from; empty for an empty batch.
        lease: what holds the trajectories; None where nothing does.
    """

    def __init__(self, data: bytes, lease: Lease | None, metadata: dict[str, str] | None = None, tensors: dict[str, Any] | None = None):
        if tensors is None or metadata is None:
            tensors, metadata = read_safetensors(data)
        self.tensors, self.lease = tensors, lease
        self.trajectory_ids: list[str] = json.loads(metadata["trajectory_ids"])
        self.rollout_id = self.trajectory_ids[0].split("-", 1)[0] if self.trajectory_ids else ""

    def __len__(self) -> int:
        return len(self.trajectory_ids)

    def __getitem__(self, name: str) -> Any:
        return self.tensors[name]


def take(http: Http, rollout_id: str, request: dict[str, Any]) -> Lease:
    wait = request.get("wait_seconds", 0)
    return Lease(http, http.json("POST", f"/v1/rollouts/{rollout_id}/leases", request, silence=wait))


def take_batch(http: Http, rollout_id: str, request: dict[str, Any]) -> Batch:
    path, wait = f"/v1/rollouts/{rollout_id}/leases", request.get("wait_seconds", 0)
    _, data = http.request("POST", path, request, accept=SAFETENSORS, silence=wait)
    tensors, metadata = read_safetensors(data)
    return Batch(data, Lease(http, json.loads(metadata["lease"])), metadata, tensors)
