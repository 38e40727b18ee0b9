"""`manage.py serve`: the whole program in one process, ready to use."""

from threading import Thread
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agi_site import embedded
from agi_site.lib import engines


class Command(BaseCommand):
    """Migrates, loads starter data, then serves pages and does the work until Ctrl-C."""

    help = "Run web server, worker and scheduler in this one process (make run)."
    # Lint and the tests run the checks; here they would only delay the first page.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take an address that differs from the settings'."""
        parser.add_argument("--host", default=settings.HOST, help="address to listen on (HOST)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="port to listen on (PORT)")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        """Prepare the database, then serve."""
        if not settings.EMBEDDED:
            raise CommandError(
                "REDIS_URL is set, so this is the full stack: start it with docker compose up, "
                "or unset REDIS_URL to run everything in one process."
            )
        try:
            listener = embedded.open_port(host, port)
        except embedded.PortTaken as error:
            raise CommandError(
                f"port {port} on {host} cannot be used ({error}): PORT={port + 1} make run"
            ) from error
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where it is missing
        if not settings.MODELS_DIR.exists():
            self.stdout.write("The first start prepares the database and the analysis: a minute or so.")
            self.stdout.flush()
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        call_command("starter", stdout=self.stdout, stderr=self.stderr)
        from agi_site.celery import app

        shown = "localhost" if host in {"127.0.0.1", "::1", "0.0.0.0", "::"} else host  # noqa: S104
        try:
            embedded.serve(listener, app, lambda: self._announce(f"http://{shown}:{port}/"))
        except embedded.WorkFailed as error:
            raise CommandError(
                "the worker or the scheduler ended by itself; the lines above say why"
            ) from error

    def _announce(self, address: str) -> None:
        # The embedding model is read while the first page is looked at, not when the first message waits.
        Thread(target=lambda: engines.embedding().embed_queries(["ready"]), daemon=True).start()
        self.stdout.write(self.style.SUCCESS(f"AGI Site answers at {address}"))
        self.stdout.write("Ctrl-C ends it.")
        self.stdout.flush()
