"""How well the guide answers: right, cited and refused, per language, on the development questions.

    python bench/guide_eval.py            # reports the half that was tuned on and the half that was not
    python bench/guide_eval.py --misses   # and prints every miss
    python bench/guide_eval.py --fit      # prints new weights for guide/evidence.py, fitted on the even half

An answer is right when it holds the expected words and cites the expected passage. A question without an
answer is refused when the reply cites nothing. Passages are recalled by embedding alone, the six nearest of
the knowledge base.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent))

QUESTIONS = ROOT / "guide_questions"
FITTED = ("en", "ko")
SETS = (*FITTED, "third.en", "third.ko")
RECALLED = 6
OFFERED = (
    "calculator",
    "create_plan",
    "current_time",
    "knowledge_search",
    "memory_search",
    "python",
    "read_file",
    "run_plan",
    "shell",
    "web_fetch",
    "write_file",
)


@dataclass(frozen=True)
class Question:
    text: str
    passage: str | None
    answer: str | None
    even: bool


@dataclass(frozen=True)
class Outcome:
    question: Question
    reply: str
    cited: list[str]
    kind: str

    @property
    def right(self) -> bool:
        question = self.question
        if question.passage is None:
            return not self.cited
        found = (question.answer or "").lower() in self.reply.lower()
        return found and question.passage in self.cited


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (QUESTIONS / name).read_text(encoding="utf-8").splitlines()]


class Bench:
    """A knowledge base of one language, and the guide asked over it."""

    def __init__(self, name: str) -> None:
        from agi_site.lib import engines
        from agi_site.lib.engines.guide import Guide

        self.embedding = engines.embedding()
        self.guide = Guide(embedding=engines.multilingual(), language=engines.language())
        self.rows = read(_file("knowledge", name))
        self.vectors = self.embedding.embed_documents([f"{r['title']}\n{r['content']}" for r in self.rows])

    def recall(self, text: str) -> tuple[list[Any], Any]:
        from agi_site.lib.engines.base import Passage

        vector = self.embedding.embed_queries([text])[0]
        nearest = np.argsort(-(self.vectors @ vector))[:RECALLED]
        rows = [self.rows[at] for at in nearest]
        return [
            Passage(n, "knowledge", row["id"], row["title"], row["content"], 0.0)
            for n, row in enumerate(rows, 1)
        ], vector

    def ask(self, question: Question) -> Outcome:
        from agi_site.lib.engines.base import ChatMessage, ChatRequest, TextDelta

        passages, vector = self.recall(question.text)
        request = ChatRequest([ChatMessage("user", question.text)], passages=passages, vector=vector)
        events = list(self.guide.stream(request))
        reply = "".join(event.text for event in events if isinstance(event, TextDelta))
        cited = [passages[number - 1].id for number in events[-1].cited]
        return Outcome(question, reply, cited, events[-1].notes.get("kind", ""))


def _file(kind: str, name: str) -> str:
    """ "en" are the first author's files, "third.en" those of another."""
    *author, language = name.split(".")
    return ".".join([*author, kind, language, "jsonl"])


def questions(name: str) -> list[Question]:
    rows = read(_file("questions", name))
    return [Question(r["question"], r["passage"], r["answer"], at % 2 == 0) for at, r in enumerate(rows)]


def evaluate(name: str) -> list[Outcome]:
    bench = Bench(name)
    return [bench.ask(question) for question in questions(name)]


def evaluate_cross() -> list[Outcome]:
    benches = {language: Bench(language) for language in ("en", "ko")}
    return [
        benches[row["knowledge"]].ask(Question(row["question"], row["passage"], row["answer"], even=False))
        for row in read("cross.jsonl")
    ]


def evaluate_requests(language: str, *, misses: bool) -> tuple[int, int]:
    """Requests for tools and plans: how many become the calls they ask for, step by step, or none."""
    from agi_site.lib import engines
    from agi_site.lib.engines.base import ChatMessage, ChatRequest, ToolCalls, ToolSpec
    from agi_site.lib.engines.guide import Guide

    guide = Guide(embedding=engines.multilingual(), language=engines.language())
    tools = [ToolSpec(name, name, {"type": "object"}) for name in OFFERED]
    rows = read(f"requests.{language}.jsonl")
    good = 0
    for row in rows:
        events = guide.stream(ChatRequest([ChatMessage("user", row["request"])], tools=tools))
        calls = [call for event in events if isinstance(event, ToolCalls) for call in event.calls]
        plans = [call.arguments["steps"] for call in calls if call.name == "run_plan"]
        made = [step.get("tool", "prompt") for step in plans[0]] if plans else [call.name for call in calls]
        good += made == row["calls"]
        if misses and made != row["calls"]:
            print(f"    {row['request']}\n      -> {made}")
    return good, len(rows)


def score(outcomes: list[Outcome]) -> dict[str, tuple[int, int]]:
    """Right answers and refusals, each as (good, all)."""
    asked = [o for o in outcomes if o.question.passage is not None]
    none = [o for o in outcomes if o.question.passage is None]
    wrong = [o for o in asked if o.cited and not o.right]
    return {
        "right": (sum(o.right for o in asked), len(asked)),
        "refused": (sum(o.right for o in none), len(none)),
        "wrong": (len(wrong), len(asked)),
    }


def report(title: str, outcomes: list[Outcome], *, misses: bool) -> None:
    figures = ", ".join(f"{name} {good}/{total}" for name, (good, total) in score(outcomes).items())
    print(f"{title:28} {figures}")
    for outcome in outcomes if misses else []:
        if not outcome.right:
            print(f"    {outcome.kind:10} {outcome.question.text}\n      -> {outcome.reply}")


def fit() -> None:
    """Fit the support classifier on the even half, with and without the answering sentence."""
    from sklearn.linear_model import LogisticRegression

    from agi_site.lib.engines.guide.evidence import features

    rows, labels = [], []
    for name in FITTED:
        bench = Bench(name)
        for question in questions(name):
            if not question.even:
                continue
            for passages, vector in _variants(bench, question):
                best = bench.guide._finder.find(question.text, vector, passages)[0]
                answer = (question.answer or "\0").lower()
                if best.fit >= 0:
                    rows.append(features(best))
                    labels.append(best.passage.id == question.passage and answer in best.sentence.lower())
    table = np.stack(rows).astype(float)
    mean, scale = table.mean(0), table.std(0)
    model = LogisticRegression(C=1.0, class_weight="balanced").fit((table - mean) / scale, labels)
    for name, row in (("_MEAN", mean), ("_SCALE", scale), ("_WEIGHTS", model.coef_[0])):
        print(f"{name} = np.array([{', '.join(f'{value:.4f}' for value in row)}])")
    print(f"_BIAS = {model.intercept_[0]:.4f}")


def _variants(bench: Bench, question: Question) -> Iterator[tuple[list[Any], Any]]:
    from agi_site.lib.engines.guide.words import sentences

    passages, vector = bench.recall(question.text)
    yield passages, vector
    if question.answer is None:
        return
    cut = []
    for passage in passages:
        kept = [s for s in sentences(passage.content) if question.answer.lower() not in s.lower()]
        content = " ".join(kept) if passage.id == question.passage else passage.content
        if content:
            cut.append(replace(passage, content=content))
    yield cut, vector


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")
    from agi_site.lib import engines

    engines.language()
    if options.fit:
        fit()
        return
    print(f"embedding: {engines.embedding().name}; {RECALLED} passages recalled")
    for name in SETS:
        outcomes = evaluate(name)
        report(f"{name}, tuned half", [o for o in outcomes if o.question.even], misses=options.misses)
        report(f"{name}, other half", [o for o in outcomes if not o.question.even], misses=options.misses)
    report("across languages", evaluate_cross(), misses=options.misses)
    for language in FITTED:
        good, total = evaluate_requests(language, misses=options.misses)
        print(f"{'requests, ' + language:28} as asked {good}/{total}")


if __name__ == "__main__":
    main()
