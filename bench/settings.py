"""The program's own settings, with the bare views that benches compare against."""

from agi_site.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
