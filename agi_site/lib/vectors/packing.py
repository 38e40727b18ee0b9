"""Vectors as they lie in a table: float32, little-endian, length one."""

from typing import cast

import numpy as np
import numpy.typing as npt

type Vector = npt.NDArray[np.float32]
type Matrix = npt.NDArray[np.float32]
type Places = npt.NDArray[np.int64]

LITTLE_ENDIAN = np.dtype("<f4")


def pack(vector: Vector) -> bytes:
    """A vector, shape (d,), as the bytes of a BLOB column: float32, little-endian."""
    return np.ascontiguousarray(vector, LITTLE_ENDIAN).tobytes()


def unpack(blob: bytes | memoryview) -> Vector:
    """The vector in a BLOB column, shape (d,)."""
    return cast("Vector", np.frombuffer(blob, LITTLE_ENDIAN).astype(np.float32))
