"""The program that is PID 1 of every sandbox container, and the interpreter of its code cells.

`files()` is what the volume mounted at /.agi holds besides an interpreter; the entry point is
`python3 -I -S /.agi/runner.py` (with `--privileged` at the end, in the engine's own helper container,
commands run as root with the container's rights). It needs the standard library, with ctypes (so libffi).
"""

import hashlib
import importlib.util
import marshal
from pathlib import Path

HERE = Path(__file__).parent
LAUNCH = b"""import gc, sys
gc.disable()  # what is loaded now stays
sys.path.insert(0, __file__.rpartition("/")[0])
from sandbox.runner.main import main
main()
"""


def files() -> dict[str, bytes]:
    """Path below /.agi -> content: sources, and the byte code of this very Python, for a quick start."""
    found = {"runner.py": LAUNCH, "sandbox/__init__.py": b"", "sandbox/runner/__init__.py": b""}
    found["sandbox/wire.py"] = (HERE.parent / "wire.py").read_bytes()
    for path in sorted(HERE.glob("*.py")):
        if path.name != "__init__.py":
            found[f"sandbox/runner/{path.name}"] = path.read_bytes()
    found |= {
        _cached(name): _byte_code(name, source) for name, source in found.items() if name != "runner.py"
    }
    return found


def content_hash() -> str:
    """A name for what `files()` gives: it changes whenever any of them does."""
    digest = hashlib.sha256(importlib.util.MAGIC_NUMBER)
    for name, content in sorted(files().items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _cached(name: str) -> str:
    return importlib.util.cache_from_source(name)


def _byte_code(name: str, source: bytes) -> bytes:
    """A hash-based pyc that is never checked against its source (PEP 552)."""
    code = compile(source, f"/.agi/{name}", "exec", dont_inherit=True)
    flags = (0b01).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + marshal.dumps(code)
