"""What every page of one sandbox needs: the sandbox of the person who asks, its head, its tabs."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from agi_site.lib import events
from agi_site.lib.web import buttons_of, page

from .. import states, words
from ..channels import sandbox_channel
from ..models import Sandbox, SandboxStatus
from .engine import what_is_missing

TABS = (
    ("terminal", _("Terminal")),
    ("files", _("Files")),
    ("executions", _("Executions")),
    ("ports", _("Ports")),
    ("usage", _("Usage")),
    ("security", _("Security")),
    ("snapshots", _("Snapshots")),
    ("events", _("Events")),
)
# Icon and label of each verb's button, and whether it is the one to be seen first.
BUTTONS = {
    "start": ("play", _("Start"), True),
    "pause": ("pause", _("Pause"), False),
    "resume": ("play", _("Resume"), True),
    "stop": ("power", _("Stop"), False),
    "restart": ("retry", _("Restart"), False),
}


def sandbox_of(request: HttpRequest, pk: UUID) -> Sandbox:
    """The sandbox, if it is the asking person's; 404 otherwise."""
    return get_object_or_404(
        Sandbox.objects.for_user(request.user).shown().with_parts().defer("template__description"), pk=str(pk)
    )


def sandbox_page(
    request: HttpRequest,
    sandbox: Sandbox,
    tab: str,
    *,
    template: str = "",
    parts: tuple[str, ...] = (),
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """One tab of a sandbox's page; HTMX gets the tab alone, or the one of `parts` that it wants to replace.

    `context` may hold things that cost queries only where the template looks at them.
    """
    target = request.headers.get("HX-Target", "")
    partial = target if target in parts else "tab"
    return page(
        request,
        template or f"sandbox/{tab}.html",
        partial,
        status=status,
        tab=tab,
        **head_of(sandbox),
        **context,
    )


def head_of(sandbox: Sandbox) -> dict[str, Any]:
    """What the head of a sandbox's page shows."""
    # read before anything else, so that no event falls between the rows and the stream
    after = events.last_id(sandbox_channel(str(sandbox.pk)))
    return {
        "sandbox": sandbox,
        "events_after": after,
        "tabs": TABS,
        "buttons": buttons_of(states.verbs_of(sandbox), BUTTONS),
        "state": words.state_of(sandbox),
        "cause": words.cause_of(sandbox),
        "is_running": sandbox.status == SandboxStatus.RUNNING,
        "takes_work": sandbox.status in (SandboxStatus.RUNNING, SandboxStatus.CREATING),
        "missing": what_is_missing(),
    }
