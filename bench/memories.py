"""What the assistant remembers: how much junk the write gate refuses, and whether what was told is found.

The gate: `memory_corpus.toml`, written by hand for this bench before the rules were tuned (by the author of
the rules, so it flatters; half of it, by a hash of the text, was kept out of the tuning). Each text is
proposed as a memory, as by an extractor that takes every sentence; the gate alone decides. With AGI_DATA, two
checks by others' hands follow: requests of CLINC150's val split (all of them questions and wishes, in many
more forms than rules know), and the observations of LoCoMo's authors (facts about people).

LoCoMo: each turn of a conversation is a memory (date, speaker, text, caption of the picture), found by the
product's own search. Recall of the evidence turns among the first ten, against BM25 on the same turns.

    AGI_DATA=<folder> python -m bench.memories [--corpus]     --corpus: the gate on the corpus only
"""

import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.report import Figure, table

CORPUS = Path(__file__).with_name("memory_corpus.toml")
JUNK_REFUSED, FACTS_KEPT, RECALL = 0.95, 0.90, 0.70
FIRST = 10


# --- The write gate ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Item:
    """A text as it is proposed, and what the gate may know of it."""

    label: str
    kind: str
    language: str
    candidate: str
    message: str
    told: Sequence[str] = ()
    known: Sequence[str] = ()

    @property
    def held_out(self) -> bool:
        """Whether the rules were tuned without it."""
        return hashlib.sha256(self.candidate.encode()).digest()[0] % 2 == 1


def corpus() -> list[Item]:
    """All labelled texts."""
    stored = tomllib.loads(CORPUS.read_text(encoding="utf-8"))
    return [
        Item(
            label,
            group["kind"],
            group["language"],
            **{"message": one["candidate"], **one},
        )
        for label in ("junk", "facts")
        for group in stored[label]
        for one in [{"candidate": text} for text in group.get("texts", [])] + group.get("items", [])
    ]


def reason(item: Item) -> str:
    """Why the gate refuses it, "" if it does not."""
    from agi_site.lib import engines
    from agi_site.lib.problems import Invalid
    from knowledge import gate

    content = gate.normalised(item.candidate)
    try:
        gate.check_form(content)
        gate.check_worth(content)
        gate.check_source(content, message=item.message, told=item.told)
    except Invalid as refusal:
        return refusal.code
    for known in item.known:
        here, there = engines.multilingual().embed_documents([content, known])
        if gate.says_the_same(known, content, float(here @ there)):
            return "duplicate"
    return ""


def gate_figures() -> list[Figure]:
    """Junk refused and facts kept, on the half that rules were tuned on and on the other."""
    right: dict[tuple[bool, str], list[bool]] = defaultdict(list)
    for item in corpus():
        right[item.held_out, item.label].append(bool(reason(item)) == (item.label == "junk"))
    found = []
    for label, name, least in (("junk", "junk refused", JUNK_REFUSED), ("facts", "facts kept", FACTS_KEPT)):
        for held_out, half in ((True, "held-out half"), (False, "half used for tuning")):
            told = right[held_out, label]
            share = sum(told) / len(told)
            without = 0.0 if label == "junk" else 1.0
            found.append(
                Figure(
                    f"write gate, {name}: {half} ({len(told)} texts)",
                    f"{share:.1%}",
                    f"{without:.0%} (no gate)",
                    f"{share - without:+.1%}",
                    f"at least {least:.0%}",
                )
            )
    return found


def others_figures(data: Path) -> list[Figure]:
    """The same gate on texts by others: wishes and questions of CLINC150, observations of LoCoMo."""
    found = []
    if (file := data / "clinc150" / "dev.json").is_file():
        asked = [text for text, _intent in json.loads(file.read_text())["val"]]
        refused = sum(bool(_worth(text)) for text in asked) / len(asked)
        name = f"write gate, requests refused: CLINC150 val, lower case ({len(asked)} texts)"
        found.append(Figure(name, f"{refused:.1%}", "0% (no gate)", f"{refused:+.1%}", "told, not promised"))
    if (file := data / "locomo" / "locomo_dev.json").is_file():
        told = [
            observed[0]
            for one in json.loads(file.read_text())
            for session in one["observation"].values()
            for lines in session.values()
            for observed in lines
        ]
        kept = sum(not _worth(text) for text in told) / len(told)
        name = f"write gate, facts kept: LoCoMo's observations ({len(told)} texts)"
        found.append(Figure(name, f"{kept:.1%}", "100% (no gate)", f"{kept - 1:+.1%}", "told, not promised"))
    return found


def _worth(text: str) -> str:
    from agi_site.lib.problems import Invalid
    from knowledge import gate

    try:
        gate.check_form(gate.normalised(text))
        gate.check_worth(gate.normalised(text))
    except Invalid as refusal:
        return refusal.code
    return ""


# --- LoCoMo ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Turn:
    """One turn of a conversation; `session` names those that were told in one sitting."""

    id: str
    session: str
    text: str
    full: str


@dataclass
class Story:
    """A conversation with its questions and their evidence."""

    name: str
    turns: list[Turn] = field(default_factory=list)
    questions: list[tuple[str, set[str]]] = field(default_factory=list)


def stories(file: Path) -> list[Story]:
    """The conversations of a LoCoMo file; questions without evidence in the turns are left out."""
    found = []
    for one in json.loads(file.read_text()):
        story = Story(one["sample_id"])
        told = one["conversation"]
        for session in (name for name, value in told.items() if isinstance(value, list)):
            for turn in told[session]:
                caption = f" [photo: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
                full = f"{told[session + '_date_time']}\n{turn['speaker']}: {turn['text']}{caption}"
                story.turns.append(Turn(turn["dia_id"], session, turn["text"], full))
        there = {turn.id for turn in story.turns}
        for asked in one["qa"]:
            if evidence := set(re.split(r"[;,\s]+", " ".join(asked["evidence"]))) & there:
                story.questions.append((asked["question"], evidence))
        found.append(story)
    return found


class Words:
    """BM25 over texts (k1 1.2, b 0.75), with the product's terms: the baseline."""

    def __init__(self, texts: Iterable[str]) -> None:
        from agi_site.lib.fulltext import terms

        self.terms = terms
        self.counts = [Counter(terms(text)) for text in texts]
        self.usual = sum(map(Counter.total, self.counts)) / max(len(self.counts), 1)
        self.rows = Counter(term for count in self.counts for term in count)

    def first(self, query: str) -> list[int]:
        """The places of the best texts."""
        asked = set(self.terms(query))
        scores = [sum(self._score(term, count) for term in asked if term in count) for count in self.counts]
        return sorted(range(len(scores)), key=lambda at: -scores[at])[:FIRST]

    def _score(self, term: str, count: Counter[str]) -> float:
        rare = math.log(1 + (len(self.counts) - self.rows[term] + 0.5) / (self.rows[term] + 0.5))
        long = 1.2 * (0.25 + 0.75 * count.total() / self.usual)
        return rare * count[term] * 2.2 / (count[term] + long)


def _recall(found: Sequence[str], evidence: set[str]) -> float:
    return len(evidence & set(found)) / len(evidence)


def locomo_figures(file: Path) -> list[Figure]:
    """Recall of evidence turns by the search in memories, and by BM25 on their texts and on all of them."""
    ours: list[float] = []
    bare: list[float] = []
    full: list[float] = []
    for number, story in enumerate(stories(file)):
        owner, turn_of = _remembered(story, number)
        words, more = Words(turn.text for turn in story.turns), Words(turn.full for turn in story.turns)
        for query, evidence in story.questions:
            ours.append(_recall([turn_of[key] for key in _found(owner, query)], evidence))
            bare.append(_recall([story.turns[at].id for at in words.first(query)], evidence))
            full.append(_recall([story.turns[at].id for at in more.first(query)], evidence))
    here, text, whole = (sum(all_) / len(all_) for all_ in (ours, bare, full))
    return [
        Figure(
            f"LoCoMo, evidence turns among the first {FIRST} ({len(ours)} questions)",
            f"{here:.3f}",
            f"{text:.3f} BM25 on turns, {whole:.3f} with date, speaker, caption",
            f"{here / whole:.2f} ×",
            f"at least {RECALL:.2f}",
        )
    ]


def _remembered(story: Story, number: int) -> tuple[Any, dict[str, str]]:
    """A person who was told the story, and the turn of each memory."""
    from accounts.models import User
    from agi_site.lib import engines
    from knowledge import indexing
    from knowledge.models import Memory

    owner = User.objects.create_user(f"story{number}", f"story{number}@example.com", "no password is needed")
    rows = [
        Memory(user=owner, type="episodic", content=turn.full, metadata={"source_conversation": turn.session})
        for turn in story.turns
    ]
    Memory.objects.bulk_create(rows)
    for row in rows:
        indexing.index_terms(row)
    indexing.embed(Memory, [row.pk for row in rows], engines.embedding())
    return owner, {row.pk: turn.id for row, turn in zip(rows, story.turns, strict=True)}


def _found(owner: Any, query: str) -> list[str]:
    from knowledge.search import search_memory

    return [hit.id for hit in search_memory(user=owner, query=query, limit=FIRST, recalled=False)]


# --- The run -----------------------------------------------------------------------------------------------
def _data() -> Path | None:
    data = os.environ.get("AGI_DATA", "")
    return Path(data) if data and Path(data).is_dir() else None


def figures(*, corpus_only: bool = False) -> list[Figure]:
    """The gate; with data, what others wrote, and LoCoMo."""
    found, data = gate_figures(), _data()
    if data is None or corpus_only:
        return found
    found += others_figures(data)
    if (file := data / "locomo" / "locomo_dev.json").is_file():
        found += locomo_figures(file)
    return found


def measure() -> list[Figure]:
    """Run in a process of its own."""
    if _data() is None:
        print("memory: LoCoMo skipped: no data (AGI_DATA names its folder)")
    out = subprocess.run(
        [sys.executable, "-m", "bench.memories", "--json"], capture_output=True, text=True, check=True
    ).stdout
    return [Figure(**one) for one in json.loads(out.splitlines()[-1])]


def main() -> None:
    """Measure on a fresh SQLite database with the packaged embedding model."""
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"DATA_DIR": place, "DATABASE_URL": f"sqlite:///{place}/bench.sqlite3", "REDIS_URL": ""}
        os.environ["DJANGO_SETTINGS_MODULE"] = "agi_site.settings"
        import django

        django.setup()
        from django.core.management import call_command

        if "--corpus" not in sys.argv:
            call_command("migrate", verbosity=0)
        found = figures(corpus_only="--corpus" in sys.argv)
    print(json.dumps([asdict(one) for one in found]) if "--json" in sys.argv else table(found))


if __name__ == "__main__":
    main()
