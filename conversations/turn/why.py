"""Why an answer is as it is: what weighed in it, and one sentence about that."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from explanations.services import Feature

from ..wording import unseen_words
from .state import State

UNCITED = 0.4  # a recalled passage the answer does not cite weighs less


def features(state: State) -> list[Feature]:
    """What weighed, heaviest first: intent, passages, memories, tools, feelings; weights from 0 to 1."""
    cited = _cited(state)
    found: list[Feature] = []
    if state.analysis and state.analysis.intents:
        name, sure = state.analysis.intents[0]
        found.append(Feature("intent", name, sure))
    for passage in state.passages:
        weight = _fraction(passage.score) * (1.0 if passage.number in cited else UNCITED)
        # A memory is named by its number alone: its text would stay here after it is forgotten.
        title = "" if passage.kind == "memory" else passage.title
        found.append(Feature(passage.kind, f"[{passage.number}] {title}".strip(), weight))
    found += [
        Feature("tool", str(entry["name"]), 1.0 if entry["status"] == "completed" else 0.2)
        for entry in state.facts.get("tools", [])
    ]
    found += [Feature("picture", name, 1.0) for _pk, name in state.gallery.seen]
    if state.strategy and state.analysis:
        found.append(Feature("emotion", state.analysis.dominant_emotion, state.analysis.intensity))
    return sorted(found, key=lambda feature: -feature.importance)


def confidence(state: State) -> float | None:
    """How well the answer is backed: by its best cited passage or by a tool; None where nothing backs it."""
    cited = _cited(state)
    backing = [_fraction(passage.score) for passage in state.passages if passage.number in cited]
    backing += [1.0 for entry in state.facts.get("tools", []) if entry["status"] == "completed"]
    return max(backing, default=None)


def _cited(state: State) -> set[int]:
    return {passage["n"] for passage in state.facts.get("citations", [])}


def _fraction(score: float) -> float:
    return min(1.0, max(0.0, score))


def sentence(state: State) -> str:
    """What the answer rests on, and which pictures it does not rest on, for people."""
    return f"{_rests_on(state)} {unseen_words(state.facts.get('pictures_told', {}))}".strip()


def _rests_on(state: State) -> str:
    citations = state.facts.get("citations", [])
    known = sum(passage["kind"] == "knowledge" for passage in citations)
    memories = len(citations) - known
    tools = list(dict.fromkeys(str(entry["name"]) for entry in state.facts.get("tools", [])))
    parts: list[str] = []
    if known:
        parts.append(
            ngettext("%(n)s passage of the team's knowledge", "%(n)s passages of the team's knowledge", known)
            % {"n": known}
        )
    if memories:
        parts.append(ngettext("%(n)s memory of you", "%(n)s memories of you", memories) % {"n": memories})
    if tools:
        parts.append(
            ngettext("the tool %(names)s", "the tools %(names)s", len(tools)) % {"names": ", ".join(tools)}
        )
    if seen := len(state.gallery.seen):
        parts.append(ngettext("%(n)s picture", "%(n)s pictures", seen) % {"n": seen})
    if parts:
        return _("The answer rests on: %(parts)s.") % {"parts": "; ".join(parts)}
    if state.passages:
        return _("Passages were recalled, but the answer cites none of them; it comes from the model itself.")
    return _("Nothing fitting was recalled and no tool was run; the answer comes from the model itself.")
