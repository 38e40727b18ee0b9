"""Give every row a vector of the configured engine; run again, it goes on where it stopped."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from agi_site.lib import engines, vectors
from knowledge import indexing, vector_sets

CHUNK = 64


class Command(BaseCommand):
    help = (
        "Embed all knowledge and memories that have no vector of the configured engine. Searches go on "
        "meanwhile: by the former engine's vectors, until no row lacks a new one; then these answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tables", nargs="*", choices=[*indexing.TABLES, []], help="default: all")
        parser.add_argument("--all", action="store_true", help="also rows that have such a vector already")
        parser.add_argument("--terms", action="store_true", help="cut every text into its terms anew, too")
        parser.add_argument("--index", action="store_true", help="build indexes of large tables anew, too")
        parser.add_argument("--status", action="store_true", help="only say how far it is")

    def handle(self, *args: Any, **options: Any) -> None:
        for table in options["tables"] or indexing.TABLES:
            model = indexing.TABLES[table]
            if options["status"]:
                self._tell(table, model)
                continue
            if options["terms"]:
                for row in model._base_manager.defer("embedding").iterator(CHUNK):
                    indexing.index_terms(row)
            self._embed(table, model, everything=options["all"])
        if options["index"] and not options["status"]:
            self.stdout.write(f"{vector_sets.build_indexes(anew=True)} indexes of large tables built")

    def _tell(self, table: str, model: Any) -> None:
        done, total = vector_sets.progress(model)
        name = engines.embedding().name
        self.stdout.write(f"{table}: {done} of {total} rows have a vector of {name}; ", ending="")
        self.stdout.write(f"those of {vector_sets.in_use(model)} answer")

    def _embed(self, table: str, model: Any, *, everything: bool) -> None:
        vector_sets.settle(model)
        engine = engines.embedding()
        if everything:
            model._base_manager.filter(embedding_model=engine.name).update(
                embedding=None, embedding_model=None, updated_at=timezone.now()
            )
            vectors.touch(model)
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
        if vector_sets.switch_when_whole(model):
            self.stdout.write(f"{table}: the vectors of {engine.name} answer now")
        vector_sets.move_in(model)
