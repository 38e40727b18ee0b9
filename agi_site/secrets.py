"""Secrets of an embedded installation: made once, kept in its data directory, readable by its owner only."""

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet


def load_or_create(data_dir: Path) -> dict[str, str]:
    """Read `secrets.env` in `data_dir`, making it first if it is missing; returns names and values."""
    path = data_dir / "secrets.env"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        values = {"SECRET_KEY": secrets.token_urlsafe(50), "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
        _write_private(path, "".join(f"{name}={value}\n" for name, value in values.items()))
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return dict(pairs)


def _write_private(path: Path, text: str) -> None:
    """Write `text` so that two processes starting at once end up with the same file."""
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
