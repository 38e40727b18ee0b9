"""`manage.py starter`: the rows that a new installation begins with."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.utils.module_loading import module_has_submodule

from agi_site.lib import engines


class Command(BaseCommand):
    """Calls `load()` of each app's `starter.py`, from the lowest floor up; safe to run at every start."""

    help = "Load starter data (roles, the first administrator, knowledge, tools …) and train the analysis."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, train what is trained at set-up, then show what an operator has to be told once."""
        notices: list[str] = []
        for config in reversed(list(apps.get_app_configs())):
            if config.module is not None and module_has_submodule(config.module, "starter"):
                notice = import_module(f"{config.name}.starter").load()
                notices += [notice] if isinstance(notice, str) else []
        engines.prepare()  # here, so that nobody's first message waits for it
        for notice in notices:
            self.stdout.write(self.style.WARNING(_boxed(notice)))
        self.stdout.flush()


def _boxed(text: str) -> str:
    lines = text.splitlines()
    width = max(map(len, lines))
    rows = [f"║  {line.ljust(width)}  ║" for line in lines]
    return "\n".join([f"╔{'═' * (width + 4)}╗", *rows, f"╚{'═' * (width + 4)}╝"])
