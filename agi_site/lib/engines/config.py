"""The settings the engines read, with the value each has when the project does not name it."""

from pathlib import Path
from typing import Any

from django.conf import settings

DEFAULTS: dict[str, Any] = {
    "CHAT_ENGINE": "",
    "CHAT_BASE_URL": "",
    "CHAT_API_KEY": "",
    "CHAT_MODEL": "",
    "CHAT_CONTEXT_WINDOW": 8192,
    "CHAT_TIMEOUT": 60.0,
    "CHAT_VISION": "auto",
    "EMBEDDING_ENGINE": "packaged",
    "EMBEDDING_BASE_URL": "",
    "EMBEDDING_API_KEY": "",
    "EMBEDDING_MODEL": "",
    "EMBEDDING_FORMER_BASE_URL": "",
    "EMBEDDING_FORMER_API_KEY": "",
    "RERANK_BASE_URL": "",
    "RERANK_API_KEY": "",
    "RERANK_MODEL": "",
    "LANGUAGE_ENGINE": "offline",
    "DATA_DIR": "var",
    "MODELS_DIR": "",
    "LOCAL_MODEL_PATH": "",
}


def get(name: str) -> Any:
    """The value of one of DEFAULTS' settings; None counts as unset."""
    value = getattr(settings, name, None)
    return DEFAULTS[name] if value is None else value


def chat_engine() -> str:
    """The chat engine's name: what CHAT_ENGINE says, else openai when a server is named, else the guide."""
    return str(get("CHAT_ENGINE") or ("openai" if get("CHAT_BASE_URL") else "guide"))


def models_dir() -> Path:
    """Where trained heads are kept; made when missing."""
    path = Path(get("MODELS_DIR") or Path(get("DATA_DIR")) / "models")
    path.mkdir(parents=True, exist_ok=True)
    return path
