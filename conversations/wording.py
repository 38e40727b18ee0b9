"""What people read for the names that programs use: tools, intents, features of an explanation, entities."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

TOOLS: dict[str, Any] = {
    "audio_info": _("About a sound"),
    "calculator": _("Calculator"),
    "create_creative_work": _("Creating something"),
    "create_plan": _("Write down a plan"),
    "current_time": _("Current time"),
    "image_info": _("About a picture"),
    "knowledge_search": _("Knowledge search"),
    "memory_search": _("Memory search"),
    "python": _("Python in the sandbox"),
    "read_file": _("Read a file of the sandbox"),
    "run_plan": _("Plan"),
    "shell": _("Shell in the sandbox"),
    "video_info": _("About a video"),
    "web_fetch": _("Read a web page"),
    "write_file": _("Write a file in the sandbox"),
}
# What the score of a memory or passage is made of.
PARTS: dict[str, Any] = {
    "text": _("words"),
    "vector": _("meaning"),
    "importance": _("importance"),
    "recency": _("recency"),
    "use": _("use"),
    "rerank": _("reranked"),
}
# What a tool is asked and what it says, where the field's name alone would not do.
FIELDS: dict[str, Any] = {
    "code": _("Code"),
    "command": _("Command"),
    "content": _("Content"),
    "exit_code": _("Exit code"),
    "expression": _("Expression"),
    "path": _("Path"),
    "query": _("Query"),
    "result": _("Result"),
    "stderr": _("Errors"),
    "stdout": _("Output"),
}
# The states of a plan's steps that are worth a word.
STEPS: dict[str, Any] = {
    "running": _("running"),
    "waiting": _("waiting"),
    "completed": _("done"),
    "failed": _("failed"),
    "skipped": _("left out"),
}
CODE = frozenset({"code", "command", "content", "stderr", "stdout"})
# Ids and empty marks say nothing to people.
UNSAID = frozenset({"cause", "detail", "execution", "sandbox"})
_NAMES: dict[str, Any] = TOOLS | {
    # what weighs in an explanation
    "intent": _("Intent"),
    "knowledge": _("Knowledge"),
    "memory": _("Memory"),
    "tool": _("Tool"),
    "picture": _("Picture"),
    "emotion": _("Emotion"),
    # intents
    "ask_capabilities": _("Asking what the assistant can do"),
    "ask_help": _("Asking for help"),
    "ask_time": _("Asking the time"),
    "calculate": _("Calculating"),
    "complaint": _("Complaint"),
    "create_plan": _("Making a plan"),
    "create_work": _("Creating something"),
    "goodbye": _("Goodbye"),
    "greeting": _("Greeting"),
    "out_of_scope": _("Something else"),
    "praise": _("Praise"),
    "question": _("Question"),
    "recall_memory": _("Asking what is remembered"),
    "remember_this": _("Something to remember"),
    "run_code": _("Running code"),
    "search_knowledge": _("Searching knowledge"),
    "set_preference": _("A preference"),
    "small_talk": _("Small talk"),
    "thanks": _("Thanks"),
    # emotions
    "anger": _("Anger"),
    "disgust": _("Disgust"),
    "fear": _("Fear"),
    "joy": _("Joy"),
    "love": _("Love"),
    "neutral": _("Neutral"),
    "sadness": _("Sadness"),
    "surprise": _("Surprise"),
    # entities
    "date": _("Date"),
    "duration": _("Duration"),
    "email": _("E-mail"),
    "money": _("Money"),
    "number": _("Number"),
    "percent": _("Percentage"),
    "phone": _("Telephone"),
    "quantity": _("Quantity"),
    "quoted": _("Quotation"),
    "time": _("Time"),
    "url": _("Address"),
}


def words_for(name: str) -> str:
    """The name as people read it; one that is not known here, as words: `send_mail` → `Send mail`."""
    if name in _NAMES:
        return str(_NAMES[name])
    words = str(name).replace("_", " ").replace(".", " ").strip()
    return words[:1].upper() + words[1:]


def unseen_words(told: dict[str, Any]) -> str:
    """That pictures were not seen, and why; "" where all were."""
    count = len(told.get("unseen", ()))
    if not count:
        return ""
    match told.get("why"):
        case "engine":
            text = ngettext(
                "The picture was not seen: here the assistant reads text alone.",
                "The %(n)s pictures were not seen: here the assistant reads text alone.",
                count,
            )
        case "room":
            text = ngettext(
                "%(n)s picture was left out: the model has no room for it (CHAT_CONTEXT_WINDOW).",
                "%(n)s pictures were left out: the model has no room for them (CHAT_CONTEXT_WINDOW).",
                count,
            )
        case _:
            text = ngettext(
                "%(n)s picture was not seen: it is deleted.",
                "%(n)s pictures were not seen: they are deleted.",
                count,
            )
    return text % {"n": count}
