"""The memory of the embedded process tree at rest, with the embedding model loaded."""

import sys
import time

import psutil

from bench.first_token import site_first_token
from bench.report import Figure
from bench.site import process, running_site


def tree_memory(pid: int) -> float:
    """Resident memory of a process and its children, in MB."""
    parent = psutil.Process(pid)
    return sum(p.memory_info().rss for p in [parent, *parent.children(recursive=True)]) / 1e6


def bare_django() -> float:
    """Resident memory of Django with these apps loaded and nothing else, in MB."""
    code = "import django; django.setup(); import time; time.sleep(30)"
    with process(sys.executable, "-c", code, DJANGO_SETTINGS_MODULE="agi_site.settings") as running:
        time.sleep(6)
        return tree_memory(running.pid)


def measure() -> list[Figure]:
    """After one turn, which loads the embedding model and the analysis."""
    with running_site() as site:
        site_first_token(site, site.conversation(), "Please load what you need.")
        time.sleep(3)
        here = tree_memory(site.pid)
    bare = bare_django()
    return [
        Figure(
            "idle memory of the embedded process tree",
            f"{here:.0f} MB",
            f"{bare:.0f} MB (bare Django)",
            f"{here / bare:.2f} ×",
            "at most 600 MB",
        )
    ]
