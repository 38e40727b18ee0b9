"""Accepted mappings put to use: finding concepts in a text, adding words to a query, rewording a text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .concepts import Concept
from .matching.names import FUNCTION, Words, plain, words_of
from .models import KnowledgeMapping

LONGEST_NAME = 6  # words
MOST_ADDED = 8  # concepts a query is widened by


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept named in a text, at `text[start:end]`."""

    concept: str
    start: int
    end: int


class Lexicon:
    """The names of a domain's concepts, to be found in texts whatever their case, ending and separators."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self._names: dict[Words, str] = {}
        for concept in concepts:
            for name in (concept.name, *concept.labels):
                self._names.setdefault(words_of(plain(name)), concept.name)

    def mentions(self, text: str) -> list[Mention]:
        """The concepts named in `text`, in order, the longest name winning."""
        tokens = _tokens(text)
        found: list[Mention] = []
        at = 0
        while at < len(tokens):
            for size in range(min(LONGEST_NAME, len(tokens) - at), 0, -1):
                ends = {text[slice(*tokens[at])].lower(), text[slice(*tokens[at + size - 1])].lower()}
                if size > 1 and ends & FUNCTION:
                    continue
                piece = text[tokens[at][0] : tokens[at + size - 1][1]]
                concept = self._names.get(words_of(plain(piece)))
                if concept is not None:
                    found.append(Mention(concept, tokens[at][0], tokens[at + size - 1][1]))
                    at += size - 1
                    break
            at += 1
        return found


def _tokens(text: str) -> list[tuple[int, int]]:

    return [match.span() for match in re.finditer(r"[^\W_]+(?:[-_][^\W_]+)*", text)]


class Bridge:
    """Accepted mappings between two domains, walked from the target to the source and back."""

    def __init__(
        self, source: Sequence[Concept], target: Sequence[Concept], mappings: Iterable[KnowledgeMapping]
    ) -> None:
        self.source = {concept.name: concept for concept in source}
        self.target = {concept.name: concept for concept in target}
        self.to_source: dict[str, list[str]] = {}
        self.to_target: dict[str, list[str]] = {}
        for row in sorted(mappings, key=lambda one: -one.confidence):
            self.to_source.setdefault(row.target_concept, []).append(row.source_concept)
            self.to_target.setdefault(row.source_concept, []).append(row.target_concept)
        self.source_words, self.target_words = Lexicon(source), Lexicon(target)

    def widened(self, question: str) -> tuple[str, list[dict[str, str]]]:
        """A question of the target domain with the source's names added, and which were added for what."""
        added = [
            {"target": mention.concept, "source": name}
            for mention in self.target_words.mentions(question)
            for name in self.to_source.get(mention.concept, [])
        ][:MOST_ADDED]
        words: list[str] = []
        for pair in added:
            concept = self.source.get(pair["source"])
            words.append(plain(pair["source"]))
            words += [plain(label) for label in (concept.labels[:3] if concept else ())]
        return " ".join([question, *dict.fromkeys(words)]), added

    def reworded(self, text: str) -> tuple[str, list[dict[str, str]], list[str]]:
        """A text of the source in the target's names; what was put for what; what has no partner."""
        put: list[dict[str, str]] = []
        missing: list[str] = []
        pieces: list[str] = []
        end = 0
        for mention in self.source_words.mentions(text):
            partners = self.to_target.get(mention.concept)
            if not partners:
                missing.append(mention.concept)
                continue
            pieces += [text[end : mention.start], plain(partners[0])]
            end = mention.end
            put.append({"source": mention.concept, "target": partners[0]})
        return "".join([*pieces, text[end:]]), put, list(dict.fromkeys(missing))

    def same_name(self, concept: str) -> str | None:
        """The target's concept of the same name, as somebody without mappings would find it."""
        found = self.target_words.mentions(plain(concept))
        whole = [one.concept for one in found if one.end - one.start == len(plain(concept))]
        return whole[0] if whole else None
