"""What a sandbox uses, as lines that grow, and what has happened to it."""

import json
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from agi_site.lib.web import paged

from .. import words
from ..models import SandboxEvent
from ..usage_samples import samples_of
from .common import sandbox_of, sandbox_page


@require_safe
def usage(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Processor, memory, disk and network of the last minutes."""
    sandbox = sandbox_of(request, pk)
    samples = samples_of(sandbox)
    resource = getattr(sandbox, "resource", None)
    limits = {
        "cpu": getattr(resource, "cpu_limit", None),
        "memory": getattr(resource, "memory_limit", None),
        "disk": getattr(resource, "disk_limit", None),
        "network": getattr(resource, "network_limit", None),
    }
    return sandbox_page(
        request,
        sandbox,
        "usage",
        samples=samples,
        samples_json=[
            {name: value for name, value in sample.items() if name != "when"} for sample in samples
        ],
        recent=list(reversed(samples[-8:])),
        limits_json=json.dumps(limits),
        running_text=words.duration(words.running_of(sandbox)),
    )


@require_safe
def event_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What happened and why, the newest first."""
    sandbox = sandbox_of(request, pk)
    found = paged(request, SandboxEvent.objects.filter(sandbox=sandbox), order=["-pk"], size=40)
    for row in found.rows:
        row.words = words.event_of(row)
    return sandbox_page(request, sandbox, "events", parts=("history",), page=found)
