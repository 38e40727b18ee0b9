"""How fast knowledge comes in: short items of a CSV file, against the embedding engine's own rate alone.

The items are sentences made here, half English, half Korean, one passage each. They are imported the way a
person would have them imported: the file is stored, and the queue's task cuts it, stores rows, tags and index
terms, and gives every passage its vector. The baseline is the same engine over the same texts (title and
content, as they are indexed) and nothing else. Both run in turns, a part of the items each time, so that
whatever else the machine does meanwhile slows both.

    python -m bench.knowledge_import [items]     default 10,000
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from typing import Any

from bench.report import Figure, table

ITEMS, ROUNDS = 10_000, 5
PROMISE = 0.8
_ENGLISH = (
    ("The invoice", "A visitor badge", "The spare key", "Your laptop", "The meeting room", "A parcel"),
    ("is kept at", "has to be returned to", "can be ordered from", "belongs to", "is checked by"),
    ("the front desk", "the second floor", "the finance team", "the night porter", "the workshop"),
    ("before noon", "on the first of the month", "within three days", "without a form", "by e-mail"),
)
_KOREAN = (
    ("청구서는", "방문증은", "여벌 열쇠는", "노트북은", "회의실은", "소포는"),
    ("안내 데스크에", "2층에", "재무팀에", "야간 경비실에", "작업실에"),
    ("정오 전에", "매월 첫날에", "사흘 안에", "양식 없이", "전자우편으로"),
    ("맡깁니다", "반납해야 합니다", "신청할 수 있습니다", "확인을 받습니다", "보관합니다"),
)


def items(count: int) -> list[tuple[str, str]]:
    """(title, content) of so many items; the same each time, and no two alike."""
    chance = random.Random(5)
    made = []
    for number in range(count):
        words = " ".join(chance.choice(part) for part in (_KOREAN if number % 2 else _ENGLISH))
        made.append((f"{'항목' if number % 2 else 'Item'} {number}", f"{words} ({number})."))
    return made


def _as_csv(rows: list[tuple[str, str]]) -> bytes:
    return "\n".join(["title,content", *(f'"{title}","{content}"' for title, content in rows)]).encode()


def _import(by: Any, rows: list[tuple[str, str]], name: str) -> float:
    """Seconds from the file's arrival until its last passage has its vector."""
    from django.core.files.base import ContentFile

    from knowledge.services import documents
    from system import queue

    began = time.perf_counter()
    row = documents.add_file(by=by, name=name, file=ContentFile(_as_csv(rows), name), tags=["bench"])
    queue.run_pending()
    took = time.perf_counter() - began
    row.refresh_from_db()
    found = row.passages.exclude(embedding_model=None).count()
    if (row.status, found) != ("ready", len(rows)):
        raise RuntimeError(f"the import ended as {row.status} with {found} passages: {row.reason}")
    return took


def figures(count: int) -> list[Figure]:
    """Items per second of both."""
    from agi_site.lib import engines

    engine = engines.embedding()
    engine.embed_documents(["warm"])
    made = items(count)
    per = max(1, count // ROUNDS)
    alone = whole = 0.0
    for at in range(0, count, per):
        part = made[at : at + per]
        began = time.perf_counter()
        engine.embed_documents([f"{title}\n{content}" for title, content in part])
        alone += time.perf_counter() - began
        whole += _import(None, part, f"items-{at}.csv")
    return [
        Figure(
            f"import of {count:,} short items, a second ({engine.name})",
            f"{count / whole:.0f} items",
            f"{count / alone:.0f} items: the engine alone",
            f"{alone / whole:.2f} ×",
            f"at least {PROMISE} ×",
        )
    ]


def measure() -> list[Figure]:
    """Run in a process of its own."""
    out = subprocess.run(
        [sys.executable, "-m", "bench.knowledge_import", "--json"], capture_output=True, text=True, check=True
    ).stdout
    return [Figure(**one) for one in json.loads(out.splitlines()[-1])]


def main() -> None:
    """Measure on a database of its own with the packaged embedding model."""
    count = next((int(word) for word in sys.argv[1:] if word.isdigit()), ITEMS)
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"DATA_DIR": place, "REDIS_URL": ""}
        os.environ.setdefault("BENCH_DATABASE_URL", f"sqlite:///{place}/bench.sqlite3")
        os.environ["DATABASE_URL"] = os.environ["BENCH_DATABASE_URL"]
        os.environ["DJANGO_SETTINGS_MODULE"] = "agi_site.settings"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        found = figures(count)
    print(json.dumps([asdict(one) for one in found]) if "--json" in sys.argv else table(found))


if __name__ == "__main__":
    main()
