"""The tool by which the assistant keeps what it wrote as a work of the person's."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from agi_site.lib.problems import Invalid
from tools.registry import Parameter, ToolContext, ToolFailure, tool

from . import services


@tool(
    "create_creative_work",
    category="creative",
    description=_("Keep a text, piece of code or mixed work as a creative work of this person."),
    parameters=[
        Parameter(
            "title", "string", _("The title."), required=True, schema={"minLength": 1, "maxLength": 255}
        ),
        Parameter(
            "content",
            "string",
            _("The whole work; Markdown for text."),
            required=True,
            schema={"minLength": 1, "maxLength": 90_000},
        ),
        Parameter(
            "kind", "enum", _("What kind of work it is."), default="text", enum=["text", "code", "mixed"]
        ),
        Parameter("prompt", "string", _("What was asked for."), schema={"maxLength": 4000}),
    ],
    retry_safe=True,
    max_retries=2,
)
def create_creative_work(
    call: ToolContext, *, title: str, content: str, kind: str = "text", prompt: str = ""
) -> dict[str, Any]:
    """`{"id", "title", "type", "characters"}`; the same call made again gives the same work."""
    key = call.idempotency_key or call.execution_id
    try:
        work = services.create_work(
            owner=call.user, kind=kind, title=title, content=content, prompt=prompt, key=key
        )
    except Invalid as problem:
        faults = "; ".join(f"{name}: {fault}" for name, some in problem.errors.items() for fault in some)
        raise ToolFailure(faults) from problem
    return {"id": work.pk, "title": work.title, "type": work.type, "characters": len(content)}
