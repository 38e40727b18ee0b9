"""The public face of the system app: settings, audit, measurements, health, retention, terms of what went."""

from .audit import audit
from .health import check_health, healthz, latest_health
from .metrics import measure_queue, metrics_of, record_metrics
from .retention import prune
from .search_terms import drop_terms_later
from .settings import (
    check_setting,
    declare,
    get_setting,
    keep_secret,
    remove_setting,
    reveal_setting,
    set_setting,
)

__all__ = [
    "audit",
    "check_health",
    "check_setting",
    "declare",
    "drop_terms_later",
    "get_setting",
    "healthz",
    "keep_secret",
    "latest_health",
    "measure_queue",
    "metrics_of",
    "prune",
    "record_metrics",
    "remove_setting",
    "reveal_setting",
    "set_setting",
]
