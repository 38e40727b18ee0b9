"""Give every row a vector of the configured engine; run again, it goes on where it stopped."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from agi_site.lib import engines
from knowledge import indexing

CHUNK = 64


class Command(BaseCommand):
    help = (
        "Embed all knowledge and memories that have no vector of the configured engine. "
        "Searches go on meanwhile: rows that wait are found by their words."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tables", nargs="*", choices=[*indexing.TABLES, []], help="default: all")
        parser.add_argument("--all", action="store_true", help="also rows that have such a vector already")
        parser.add_argument("--terms", action="store_true", help="cut every text into its terms anew, too")

    def handle(self, *args: Any, **options: Any) -> None:
        engine = engines.embedding()
        for table in options["tables"] or indexing.TABLES:
            model = indexing.TABLES[table]
            if options["terms"]:
                for row in model._base_manager.defer("embedding").iterator(CHUNK):
                    indexing.index_terms(row)
            if options["all"]:
                model._base_manager.update(embedding_model=None)
            left = indexing.waiting(model, engine).count()
            self.stdout.write(f"{table}: {left} rows wait for {engine.name}")
            after = ""
            while keys := list(
                indexing.waiting(model, engine).filter(pk__gt=after).values_list("pk", flat=True)[:CHUNK]
            ):
                indexing.embed(model, keys, engine)
                after = keys[-1]
                left -= len(keys)
                self.stdout.write(f"{table}: {max(0, left)} left")
