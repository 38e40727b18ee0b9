"""Plans that come as documents: exported here, brought along, or workflow instances of WfCommons."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..models import Plan
from .authoring import create_plan
from .documents import FORMAT, drafts_from_json

KNOWN = ("format", "title", "description", "inputs", "budget", "steps")


@transaction.atomic
def import_document(*, owner: Any, document: Mapping[str, Any]) -> Plan:
    """A plan from a JSON document; raises Invalid, naming what does not fit."""
    if "workflow" in document:
        from .wfcommons import import_instance

        return import_instance(owner=owner, document=document)
    unknown = [str(name)[:50] for name in document if name not in KNOWN]
    if unknown:
        message = _("A plan has no field %(names)s. Known: %(known)s.")
        raise Invalid(message % {"names": ", ".join(unknown[:10]), "known": ", ".join(KNOWN)})
    if document.get("format", FORMAT) != FORMAT:
        raise Invalid(_("This format of plans is not known here. Known: %(known)s.") % {"known": FORMAT})
    for name in ("title", "description"):
        if not isinstance(document.get(name) or "", str):
            raise Invalid(errors={name: [_("Text is expected.")]})
    return create_plan(
        owner=owner,
        title=document.get("title") or "",
        description=document.get("description") or "",
        inputs=document.get("inputs") or None,
        budget=document.get("budget") or None,
        steps=drafts_from_json(document.get("steps") or []),
    )
