"""The three ways each transfer runs, and how they are measured."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from agi_site.lib import engines
from agi_site.lib.engines.base import ChatMessage, ChatRequest, EngineError, Passage, TextDelta
from knowledge.search import Hit, search_knowledge

from ..carrying import Bridge
from ..matching.names import plain
from ..models import KnowledgeDomain, KnowledgeMapping, TransferTask
from .ontologies import concepts_of
from .storing import tag_of

ARMS = ("before", "control", "after")


class Run:
    """One task at work: its items, a row of results for each, and the figures over all rows."""

    items_name: ClassVar[str] = "items"

    def __init__(self, task: TransferTask, source: KnowledgeDomain, target: KnowledgeDomain) -> None:
        self.task, self.source, self.target = task, source, target
        self.parameters: dict[str, Any] = dict(task.parameters or {})
        self.items: list[dict[str, Any]] = list(self.parameters[self.items_name])
        mappings = list(KnowledgeMapping.objects.between(source.name, target.name).accepted())
        turned = KnowledgeMapping.objects.between(target.name, source.name).accepted()
        for row in turned:  # a mapping of the same thing holds in both directions
            row.source_concept, row.target_concept = row.target_concept, row.source_concept
            mappings.append(row)
        self.mapping_count = len(mappings)
        self.bridge = Bridge(concepts_of(source.name), concepts_of(target.name), mappings)

    def row(self, item: dict[str, Any]) -> dict[str, Any]:
        """What each arm gives for one item. Raises EngineError."""
        raise NotImplementedError

    def figures(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Measures by "name.arm"; those that need an expected result count only items that have one."""
        raise NotImplementedError


class AnswerRun(Run):
    """Questions of the target domain, answered from passages; measured by the passages found."""

    items_name = "questions"

    def row(self, item: dict[str, Any]) -> dict[str, Any]:
        question, limit = item["question"], self.parameters["limit"]
        wide, added = self.bridge.widened(question)
        own = self._search(question, self.target)
        hits = {
            "before": own,
            "control": _merged(own, self._search(question, self.source)),
            "after": _merged(self._search(wide, self.target), self._search(wide, self.source)),
        }
        told = {
            arm: [{"id": hit.id, "title": hit.title, "score": hit.score} for hit in found[:limit]]
            for arm, found in hits.items()
        }
        return {
            "question": question,
            "added": added,
            "hits": told,
            "ranks": {arm: _rank(found[:limit], item["expected"]) for arm, found in hits.items()},
            "measured": bool(item["expected"]),
            "answer": _answer(question, hits["after"][:limit]),
        }

    def _search(self, query: str, domain: KnowledgeDomain) -> list[Hit]:
        limit = self.parameters["limit"]
        return search_knowledge(
            user=self.task.created_by, query=query[:1000], tags=[tag_of(domain.name)], limit=limit
        )

    def figures(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        measured = [row for row in rows if row["measured"]]
        found: dict[str, float] = {}
        for arm in ARMS if measured else ():
            ranks = [row["ranks"][arm] for row in measured]
            found[f"recall.{arm}"] = sum(rank > 0 for rank in ranks) / len(ranks)
            found[f"mrr.{arm}"] = sum(1 / rank for rank in ranks if rank) / len(ranks)
        return found


def _merged(one: list[Hit], other: list[Hit]) -> list[Hit]:
    seen = {hit.id: hit for hit in sorted([*one, *other], key=lambda hit: hit.score)}
    return sorted(seen.values(), key=lambda hit: (-hit.score, hit.id))


def _rank(hits: Sequence[Hit], expected: Sequence[str]) -> int:
    """The place of the first hit that is expected by id, title or external id, from 1; 0 for none."""
    for place, hit in enumerate(hits, 1):
        outside = (getattr(hit.row, "metadata", None) or {}).get("external_id")
        if {hit.id, hit.title, outside} & set(expected):
            return place
    return 0


def _answer(question: str, hits: Sequence[Hit]) -> str:
    """What the chat engine answers from these passages, "" when there are none or it does not answer."""
    passages = [
        Passage(number, "knowledge", hit.id, hit.title, hit.content, hit.score, hit.source)
        for number, hit in enumerate(hits, 1)
    ]
    if not passages:
        return ""
    language = "ko" if any("가" <= letter <= "힣" for letter in question) else "en"
    request = ChatRequest(messages=[ChatMessage("user", question)], passages=passages, language=language)
    try:
        pieces = [event.text for event in engines.chat().stream(request) if isinstance(event, TextDelta)]
    except EngineError:
        return ""
    return "".join(pieces)[:4000]


class LabelRun(Run):
    """Texts of the target domain, labelled with its concepts; measured by the labels that are right.

    before: the concept whose name and definition lie nearest. control: also the source's examples whose label
    is called the same in the target. after: also those whose label is mapped. A concept is as near as the
    nearest thing that stands for it (cosine).
    """

    def row(self, item: dict[str, Any]) -> dict[str, Any]:
        vector = engines.embedding().embed_queries([item["text"]])[0]
        labels = {}
        for arm in ARMS:
            names, matrix = self._prototypes[arm]
            labels[arm] = names[int(np.argmax(matrix @ vector))] if names else ""
        return {"text": item["text"], "expected": item["expected"], "labels": labels}

    @cached_property
    def _prototypes(self) -> dict[str, tuple[list[str], Any]]:
        engine = engines.embedding()
        classes = [concept for concept in self.bridge.target.values() if concept.kind == "class"]
        names = [concept.name for concept in classes]
        texts = [f"{plain(concept.name)}. {concept.definition[:500]}" for concept in classes]
        examples = self.parameters["examples"]
        told = engine.embed_documents([*texts, *(example["text"] for example in examples)])
        found: dict[str, tuple[list[str], Any]] = {}
        for arm in ARMS:
            kept = [(at, self._carried(arm, one["label"])) for at, one in enumerate(examples, len(texts))]
            extra = [(at, label) for at, label in kept if label]
            rows = [*range(len(texts)), *(at for at, _label in extra)]
            found[arm] = ([*names, *(label for _at, label in extra if label)], told[rows])
        return found

    def _carried(self, arm: str, label: str) -> str | None:
        if arm == "before":
            return None
        partners = self.bridge.to_target.get(label, []) if arm == "after" else []
        return partners[0] if partners else self.bridge.same_name(label)

    def figures(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        measured = [row for row in rows if row["expected"]]
        return {
            f"accuracy.{arm}": sum(row["labels"][arm] == row["expected"] for row in measured) / len(measured)
            for arm in ARMS
            if measured
        }


class CarryRun(Run):
    """Rules, tools and intents in the source's words, reworded for the target.

    Measured by how many of the source's concepts in them the target understands: before by none, control by
    those called the same there, after by those mapped or called the same.
    """

    def row(self, item: dict[str, Any]) -> dict[str, Any]:
        text, put, missing = self.bridge.reworded(item["text"])
        same = [name for name in missing if self.bridge.same_name(name)]
        named = {mention.concept for mention in self.bridge.source_words.mentions(item["text"])}
        understood = {
            "before": 0,
            "control": sum(bool(self.bridge.same_name(name)) for name in named),
            "after": len({pair["source"] for pair in put}) + len(same),
        }
        left = [name for name in missing if name not in same]
        return {
            **item,
            "carried": text,
            "put": put,
            "missing": left,
            "named": len(named),
            "understood": understood,
        }

    def figures(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        named = sum(row["named"] for row in rows)
        return {
            f"coverage.{arm}": sum(row["understood"][arm] for row in rows) / named for arm in ARMS if named
        }


RUNS: dict[str, type[Run]] = {"answer": AnswerRun, "label": LabelRun, "carry": CarryRun}
