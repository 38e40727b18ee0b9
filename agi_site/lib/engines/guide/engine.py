# ruff: noqa: E501 - patterns and sentences are read whole, line by line
"""The guide: answers from what is recalled, uses simple tools, never invents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agi_site.lib.engines.analysis import language_of
from agi_site.lib.engines.base import (
    Analysis,
    ChatEvent,
    ChatRequest,
    Done,
    EmbeddingEngine,
    LanguageEngine,
    TextDelta,
    ToolCall,
    ToolCalls,
    Vector,
)
from agi_site.lib.engines.guide import asking, code
from agi_site.lib.engines.guide.answering import compose, in_doubt, is_vague
from agi_site.lib.engines.guide.evidence import SUPPORTED, Evidence, Finder
from agi_site.lib.engines.guide.forgetting import forgets, listed
from agi_site.lib.engines.guide.phrases import CONNECT_SIGN, say
from agi_site.lib.engines.guide.planning import plan_of
from agi_site.lib.engines.guide.results import cited_numbers, latest_results, phrase
from agi_site.lib.engines.guide.routing import route
from agi_site.lib.engines.tokens import estimate_tokens
from agi_site.lib.korean import declared

_SOCIAL = {
    "greeting": "greeting",
    "thanks": "thanks",
    "goodbye": "goodbye",
    "praise": "praise",
    "complaint": "complaint",
    "small_talk": "small_talk",
    "ask_capabilities": "capabilities",
    "ask_help": "help",
    "set_preference": "preference",
}
_CANNOT = {"out_of_scope", "create_work", "run_code", "create_plan"}
_REMEMBER = re.compile(
    r"^\s*(?:(?:please|could you|can you|would you|will you|i want you to|i['’]d like you to)\s)*(?:remember|keep in mind|note|make a note|don't forget|save|store|memorize|bear in mind|take a note|jot"
    r"(?: this)? down|write down)(?:\s(?:that|this|the fact that))?\s*[:,]?\s*|^\s*(?:기억해 ?(?:줘|둬|주세요)?|메모해 ?(?:줘|둬)?|저장해 ?줘|적어 ?(?:줘|둬|놔))\s*[:,]\s*"
    r"|\s*[,;:–—-]\s*(?:so |and |but )?(?:please |could you |can you )*(?:remember|don['’]?t forget|(?:keep|bear) (?:that|this|it) in mind|(?:make|take) a note(?: of)?|note|write|jot)"
    r"(?: (?:that|this|it))?(?: down)?(?: for (?:me|later))?(?:,? please)?[.!]*$"
    r"|(?:\s*,?\s*(?:꼭\s)?(?:기억해|잊지\s?마|메모해|저장해|적어|명심해|외워|알아|기록해|염두에)\s?(?:줘|둬|놔|주세요|줄래|줄\s?수\s?있(?:어|나|을까)|두세요)?(?:요)?[.!?]*)$",
    re.IGNORECASE,
)
_ASKED_POLITELY = re.compile(
    r"^(?:could|can|would|will) you (?:please )?(?:remember|keep in mind|bear in mind|note|make a note|take a note|write down|jot down|memori[sz]e) that\b"
    r"|해\s?(?:줄래|줄\s?수\s?있(?:어|나|을까))(?:요)?\?$",
    re.IGNORECASE,
)
_ASKS_FACT = re.compile(
    r"^(?:who|whose|when|where|which|why|how (?:many|much|long|often|far|old|tall))\b|누가|누구|언제|어디|얼마|몇 ?[가-힣]",
    re.IGNORECASE,
)
_LONG_ENOUGH_TO_ASK = 3
_SURE_OF_A_PLAN = 0.5
_LONGEST_BEFORE = 200
_FORMULAS = [
    ("goodbye", re.compile(r"(?:잘 ?(?:있어|가|자)|또 ?봐|다음에 ?봐|수고해|see (?:you|ya)|good night)(?:요|라)?[\s!.~]*", re.IGNORECASE)),
    ("small_talk", re.compile(r"(?:잘 ?지내|어떻게 ?지내|뭐 ?해|how are you(?: doing)?(?: today)?|what'?s up|how'?s it going)(?:요|니|냐|세요)?[\s?!.~]*", re.IGNORECASE)),
]  # fmt: skip


@dataclass(slots=True)
class _Reply:
    """What to say, what it cites, and the scores for the explanation."""

    text: str
    notes: dict[str, Any] = field(default_factory=dict)
    calls: tuple[ToolCall, ...] = ()


class Guide:
    """The offline chat engine. Deterministic but for the ids of its tool calls."""

    name = "guide"
    model = "guide-1"
    context_window = 32_000

    def __init__(self, *, embedding: EmbeddingEngine, language: LanguageEngine) -> None:
        self._embedding = embedding
        self._language = language
        self._finder = Finder(embedding)

    def count_tokens(self, text: str) -> int:
        """An estimate: the guide has no tokenizer."""
        return estimate_tokens(text)

    def sees(self) -> bool:
        """It reads text alone."""
        return False

    def stream(self, request: ChatRequest) -> Iterator[ChatEvent]:
        """Yield the answer word by word, or one ToolCalls, then Done with `cited` and `notes`."""
        prompt = sum(estimate_tokens(message.content) for message in request.messages)
        if request.stopped:
            yield Done("stopped", prompt, 0, self.model)
            return
        reply = _told_unseen(request, self._reply(request))
        if reply.calls:
            yield ToolCalls(reply.calls)
            yield Done("tool_calls", prompt, 0, self.model, notes=reply.notes)
            return
        said = []
        for piece in re.findall(r"\s*\S+", reply.text):
            if request.stopped:
                yield Done("stopped", prompt, estimate_tokens("".join(said)), self.model, notes=reply.notes)
                return
            said.append(piece)
            yield TextDelta(piece)
        known = {passage.number for passage in request.passages}
        cited = tuple(number for number in cited_numbers(reply.text) if number in known)
        yield Done("stop", prompt, estimate_tokens(reply.text), self.model, cited=cited, notes=reply.notes)

    def _reply(self, request: ChatRequest) -> _Reply:
        text = request.last_user_text.strip()
        language = language_of(text)
        language = language if language != "und" else request.language
        if not text:
            if request.last_unseen:
                return _Reply(self._with_hint(request, language, "picture_alone"), {"kind": "empty"})
            return _Reply(say(language, "empty"), {"kind": "empty"})
        if results := latest_results(request.messages):
            told = "\n\n".join(phrase(call, content, language) for call, content in results)
            return _Reply(told, {"kind": "tool_result", "tools": [call.name for call, _ in results]})
        vector = self._vector(text, request.vector)
        analysis = self._language.analyse(text, vector)
        notes: dict[str, Any] = {"intents": analysis.intents[:3]}
        if call := self._wanted(text, analysis, request):
            return _Reply("", {**notes, "kind": "tool", "tool": call.name}, (call,))
        if {tool.name for tool in request.tools} & {*code.TOOLS} and (other := code.other_language_of(text)):
            return _Reply(say(language, "code_other", written=other), {**notes, "kind": "cannot"})
        if early := self._early(text, language, analysis, request):
            return _Reply(early[1], {**notes, "kind": early[0]})
        found = self._found(request, text, vector)
        notes |= _notes(found)
        return self._grounded(request, text, language, analysis, found, notes)

    def _wanted(self, text: str, analysis: Analysis, request: ChatRequest) -> ToolCall | None:
        """The tool the request wants: a plan where it names several steps, else what its words call for."""

        def of_step(part: str) -> ToolCall | None:
            return route(part, self._language.analyse(part, self._vector(part, None)), request.tools)

        intent, sure = analysis.intents[0] if analysis.intents else ("", 0.0)
        meant = intent == "create_plan" and sure >= _SURE_OF_A_PLAN
        offered = {tool.name for tool in request.tools}
        return plan_of(text, offered, of_step, meant=meant) or route(text, analysis, request.tools)

    def _found(self, request: ChatRequest, text: str, vector: Vector) -> list[Evidence]:
        """Evidence for the question; one that follows on the question before is read together with that."""
        before = _question_before(request)
        back, on = asking.points_back(text), asking.goes_on(text)
        together: list[Evidence] = []
        if before and back:
            together = self._together(request, text, before)
            if together and together[0].support >= SUPPORTED:
                return together
        found = self._finder.find(text, vector, request.passages)
        if before and on and not back and not (found and found[0].support >= SUPPORTED):
            together = self._together(request, text, before)
            return together if together and together[0].support >= SUPPORTED else found
        return found

    def _together(self, request: ChatRequest, text: str, before: str) -> list[Evidence]:
        row: Vector = self._embedding.embed_queries([f"{before} {text}"])[0]
        return self._finder.find(text, row, request.passages, before=before)

    def _vector(self, text: str, given: Vector | None) -> Vector:
        if given is not None and given.shape == (self._embedding.dimension,):
            return given
        row: Vector = self._embedding.embed_queries([text])[0]
        return row

    def _early(
        self, text: str, language: str, analysis: Analysis, request: ChatRequest
    ) -> tuple[str, str] | None:
        """Requests that need no passages and cannot be mistaken for a question about them."""
        for name, formula in _FORMULAS:
            if formula.fullmatch(text):
                return name, say(language, _SOCIAL[name])
        if what := forgets(text):
            known = listed(what, request.passages)
            return "forget", say(language, "forget", what=known) if known else say(language, "forget_none")
        intent, sure = analysis.intents[0] if analysis.intents else ("", 0.0)
        asks = text.rstrip().endswith("?") and not _ASKED_POLITELY.search(text)
        if intent == "remember_this" and sure >= 0.5 and not asks:
            what = declared(_REMEMBER.sub("", text, count=1).strip(" .!?"))
            key = "remembered" if len(what) >= _LONG_ENOUGH_TO_ASK else "remembered_bare"
            if request.not_kept and key == "remembered":
                key = "not_remembered"
            return "remember_this", say(language, key, what=what, reason=request.not_kept)
        if intent in ("greeting", "thanks", "goodbye") and sure >= 0.6 and len(text) < 80:
            return intent, say(language, _SOCIAL[intent])
        if intent == "set_preference" and sure >= 0.6 and request.not_kept and not asks:
            return intent, say(language, "not_remembered", reason=request.not_kept)
        if request.only_tells:
            return "told", say(language, "preference")
        return None

    def _grounded(
        self,
        request: ChatRequest,
        text: str,
        language: str,
        analysis: Analysis,
        found: list[Evidence],
        notes: dict[str, Any],
    ) -> _Reply:
        intent, sure = analysis.intents[0] if analysis.intents else ("", 0.0)
        if intent in _SOCIAL and sure >= 0.6 and not (found and found[0].support >= 0.75):
            return _Reply(say(language, _SOCIAL[intent]), {**notes, "kind": intent})
        if is_vague(text, found):
            first, second = (
                found[0].passage,
                next(e.passage for e in found if e.passage.id != found[0].passage.id),
            )
            asked = say(language, "ask_back", first=first.title, second=second.title)
            return _Reply(asked, {**notes, "kind": "ask_back"})
        if found and found[0].support >= SUPPORTED:
            asked = in_doubt(language, found[0].passage.number, request.passages, request.doubts)
            return _Reply(asked or compose(text, language, found), {**notes, "kind": "answer"})
        if intent in _CANNOT and sure >= 0.5 and not _ASKS_FACT.search(text):
            return _Reply(self._with_hint(request, language, "cannot"), {**notes, "kind": "cannot"})
        if request.not_kept and intent == "recall_memory":
            said = f"{say(language, 'not_found_memory')} {request.not_kept}"
            return _Reply(said, {**notes, "kind": "not_found"})
        key = "not_found_memory" if intent == "recall_memory" and sure >= 0.5 else "not_found"
        return _Reply(self._with_hint(request, language, key), {**notes, "kind": "not_found"})

    def _with_hint(self, request: ChatRequest, language: str, key: str) -> str:
        """The text, and how to connect a model unless this conversation has been told already."""
        told = any(CONNECT_SIGN in m.content for m in request.messages if m.role == "assistant")
        return say(language, key) if told else f"{say(language, key)} {say(language, 'connect')}"


def _told_unseen(request: ChatRequest, reply: _Reply) -> _Reply:
    """The reply, and before it that the pictures of the message were not looked at."""
    if not request.last_unseen or reply.calls:
        return reply
    spoken = language_of(request.last_user_text)
    language = spoken if spoken != "und" else request.language
    reply.text = f"{say(language, 'unseen')} {reply.text}"
    return reply


def _question_before(request: ChatRequest) -> str:
    """What the person said before their last message; "" when that was the first or a long text."""
    said = [message.content.strip() for message in request.messages if message.role == "user"]
    return said[-2] if len(said) > 1 and len(said[-2]) <= _LONGEST_BEFORE else ""


def _notes(found: list[Evidence]) -> dict[str, Any]:
    """Scores for the explanation panel: the best sentences with what spoke for them."""
    return {
        "threshold": SUPPORTED,
        "evidence": [
            {
                "passage": item.passage.number,
                "sentence": item.sentence,
                "support": round(item.support, 3),
                "similarity": round(item.near, 3),
                "words": round(item.words, 3),
                "fits_question": item.fit,
            }
            for item in found[:3]
        ],
    }
