"""Tensors as bytes, with NumPy and PyTorch where they are there."""

from __future__ import annotations

import json
import math
import struct
import sys
from dataclasses import dataclass
from typing import Any

SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
NUMPY = {"F64": "<f8", "I64": "<i8", "F32": "<f4", "I32": "<i4", "F16": "<f2", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
DTYPES = {
    "float64": "F64", "int64": "I64", "float32": "F32", "int32": "I32", "float16": "F16", "bfloat16": "BF16", "int16": "I16", "int8": "I8",
    "uint8": "U8", "bool": "BOOL",
}


@dataclass(frozen=True)
class TensorInfo:
    """A tensor without its values.

    Attributes:
        name: in the checkpoint.
        dtype: as safetensors writes it: ``F32``, ``BF16``.
        shape: lengths, outermost first.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """How many bytes the values take."""
        return SIZES[self.dtype] * math.prod(self.shape)


@dataclass(frozen=True)
class Tensor:
    """Values as bytes: row-major and little-endian."""

    dtype: str
    shape: tuple[int, ...]
    data: Any

    @staticmethod
    def of(value: Any) -> "Tensor":
        """A ``Tensor`` of a PyTorch tensor, a NumPy array or a ``Tensor``; shares memory where it can."""
        if isinstance(value, Tensor):
            return value
        name = str(value.dtype).removeprefix("torch.")
        if name not in DTYPES:
            raise TypeError(f"Tensors of {name} cannot be sent; supported: {', '.join(DTYPES)}.")
        shape = tuple(value.shape)
        if hasattr(value, "detach"):
            value = value.detach().cpu().contiguous()
            # NumPy has no bfloat16; the bits are the same as those of 16-bit integers.
            value = value.view(sys.modules["torch"].int16).numpy() if name == "bfloat16" else value.numpy()
        elif not value.flags["C_CONTIGUOUS"]:
            value = value.copy(order="C")
        return Tensor(DTYPES[name], shape, memoryview(value.reshape(-1)).cast("B") if value.size else b"")


def read_safetensors(data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Reads a safetensors file.

    Returns:
        Its tensors by name (NumPy arrays that share the file's memory, or ``Tensor`` where NumPy is missing or has no such dtype), and its
        metadata.
    """
    try:
        import numpy
    except ImportError:
        numpy = None
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype, shape, values = entry["dtype"], tuple(entry["shape"]), memoryview(data)[8 + length + begin:8 + length + end]
        if numpy is not None and dtype in NUMPY:
            tensors[name] = numpy.frombuffer(values, NUMPY[dtype]).reshape(shape)
        else:
            tensors[name] = Tensor(dtype, shape, values)
    return tensors, metadata
