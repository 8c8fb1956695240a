"""Sending weights to a server that runs."""

from __future__ import annotations

import mmap
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterable, Mapping
from urllib.parse import quote

from .errors import ConnectionLost, ServerError
from .http import Http
from .tensors import Tensor, TensorInfo

BUCKET = 32 * 1024 * 1024


class Weights:
    """The weights that the server samples with."""

    def __init__(self, http: Http):
        self._http = http

    def describe(self) -> dict[str, Any]:
        """Version, path and checksum in use, and how the last update went."""
        return self._http.json("GET", "/v1/weights")

    @property
    def version(self) -> int:
        """The version in use."""
        return self.describe()["version"]

    def update_from_disk(self, path: str, **request: Any) -> dict[str, Any]:
        """Puts a Hugging Face folder or safetensors file of the server's machine to use; returns the report of the update.

        Args:
            request: ``version``, ``running`` (``finish``, ``continue``, ``abort``), ``kv_cache`` (``flush``, ``keep``), ``checksum``.
        """
        return self._http.json("POST", "/v1/weights/from_disk", {"path": path, **request}, repeatable=False, silence=3600)

    def update(
        self, tensors: Mapping[str, Any] | Iterable[tuple[str, Any]], *, direct: bool = False, connections: int = 2, **request: Any
    ) -> dict[str, Any]:
        """Sends all weights and puts them to use; returns the report of the update.

        Args:
            tensors: a ``state_dict``, or pairs of name and tensor (PyTorch, NumPy or ``Tensor``), under their names in the checkpoint.
            direct: write into a file that the server names, on the same machine, rather than over HTTP.
            connections: how many at once, over HTTP.
            request: ``version``, ``running`` (``finish``, ``continue``, ``abort``), ``kv_cache`` (``flush``, ``keep``).

        Raises:
            ServerError: ``weights_refused`` where the model has no place for a tensor, lacks one, or of another shape; the old ones stay.
        """
        pairs = list(tensors.items() if isinstance(tensors, Mapping) else tensors)
        values = {name: Tensor.of(value) for name, value in pairs}
        update = self.begin([TensorInfo(name, value.dtype, value.shape) for name, value in values.items()], direct=direct, **request)
        try:
            if direct:
                update.write(values)
            else:
                update.send(values, connections)
            return update.commit()
        except BaseException:
            update.abort()
            raise

    def begin(self, tensors: Iterable[TensorInfo], **request: Any) -> "WeightUpdate":
        """Announces weights that come in pieces, maybe from several processes; these use ``attach`` with the update's ``id``."""
        listed = [{"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)} for tensor in tensors]
        return WeightUpdate(self._http, self._http.json("POST", "/v1/weights/updates", {"tensors": listed, **request}, repeatable=False))

    def attach(self, update_id: str) -> "WeightUpdate":
        """An update that another process began."""
        self._http.json("GET", f"/v1/weights/updates/{update_id}")
        return WeightUpdate(self._http, {"id": update_id})


class WeightUpdate:
    """Weights on their way.

    Attributes:
        id: names the update for other processes.
    """

    def __init__(self, http: Http, begun: dict[str, Any]):
        self._http, self._begun, self.id = http, begun, begun["id"]

    def put(self, name: str, value: Any, row: int = 0) -> None:
        """Sends a tensor, or the rows of one from ``row`` on: a shard along dimension 0."""
        tensor = Tensor.of(value)
        query = f"crc32={zlib.crc32(tensor.data):08x}"
        if tensor.shape:
            query += f"&row={row}&rows={tensor.shape[0]}"
        self._http.json("PUT", f"/v1/weights/updates/{self.id}/tensors/{quote(name)}?{query}", tensor.data or b"")

    def progress(self) -> dict[str, Any]:
        """Bytes received, and what is missing."""
        return self._http.json("GET", f"/v1/weights/updates/{self.id}")

    def commit(self, **request: Any) -> dict[str, Any]:
        """Puts the weights to use and reports how it went. Where bytes are missing or wrong the update stays open.

        Args:
            request: ``crc32`` (by tensor, 8 hexadecimal digits), ``checksum``.
        """
        return self._http.json("POST", f"/v1/weights/updates/{self.id}/commit", request, repeatable=False, silence=3600)

    def abort(self) -> None:
        """Forgets the update; does nothing where it has ended."""
        try:
            self._http.json("POST", f"/v1/weights/updates/{self.id}/abort")
        except (ConnectionLost, ServerError):
            pass

    def send(self, tensors: Mapping[str, Tensor], connections: int) -> None:
        """Sends all tensors that the update began with, small ones together."""
        with ThreadPoolExecutor(connections) as pool:
            for sent in [pool.submit(self._send_bucket, offset, parts) for offset, parts in self._buckets(tensors)]:
                sent.result()

    def write(self, tensors: Mapping[str, Tensor]) -> None:
        """Writes all tensors into the update's file, for an update that began with ``direct``."""
        with open(self._begun["path"], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            for place in self._begun["tensors"]:
                begin = self._begun["data_offset"] + place["offset"]
                memory[begin:begin + place["bytes"]] = tensors[place["name"]].data

    def _buckets(self, tensors: Mapping[str, Tensor]):
        """Ranges of the update's bytes with what fills them."""
        offset, parts, size = 0, [], 0
        for place in self._begun["tensors"]:
            data = memoryview(tensors[place["name"]].data)
            for start in range(0, len(data), BUCKET):
                part = data[start:start + BUCKET]
                if size + len(part) > BUCKET:
                    yield offset, parts
                    offset, parts, size = offset + size, [], 0
                parts.append(part)
                size += len(part)
        if parts:
            yield offset, parts

    def _send_bucket(self, offset: int, parts: list[memoryview]) -> None:
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._http.json("PUT", f"/v1/weights/updates/{self.id}/bytes?offset={offset}&crc32={zlib.crc32(data):08x}", data)
