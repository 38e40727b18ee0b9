"""Import workflow instances of WfCommons as plans, and run them if wanted."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from agi_site.lib.problems import Problem
from planning import services
from planning.services import wfcommons


class Command(BaseCommand):
    help = "Store workflow instances of WfCommons (JSON files) as plans of a person. --run starts them, too."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--run", action="store_true", help="start each plan; workers do its steps")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username=options["username"]).first()
        if owner is None:
            raise CommandError(f"There is no person called {options['username']}.")
        for path in options["files"]:
            try:
                document = json.loads(path.read_text())
                plan = wfcommons.import_instance(owner=owner, document=document, title=path.stem)
            except (OSError, ValueError, Problem) as error:
                faults = "; ".join(
                    str(text) for texts in getattr(error, "errors", {}).values() for text in texts
                )
                raise CommandError(f"{path}: {faults or error}") from None
            self.stdout.write(f"{path.name}: plan {plan.pk} with {plan.steps.count()} steps")
            if options["run"]:
                execution = services.start_plan(plan=plan, by=owner, unattended=True)
                self.stdout.write(f"{path.name}: run {execution.pk}")
