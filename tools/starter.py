"""What a new installation starts with: the tools, and the rules of the policy, which operators change."""

from django.db import transaction
from django.utils.translation import gettext_noop

from . import services
from .models import PolicyEffect, Tool, ToolPolicy

IN_SANDBOX = gettext_noop("It runs in a locked-down sandbox.")
ALLOWED = ("python", "shell", "read_file", "write_file")


def load() -> None:
    """Make or refresh the rows of every registered tool, and of the policy if it has none.

    What an operator switched off stays off, and rules are stored into an empty policy only.
    """
    services.sync_registry()
    load_policy()


@transaction.atomic
def load_policy() -> None:
    """Store the starter rules if there are none at all.

    Tools that are imported ask first by their own default, so no rule is needed for them.
    """
    if ToolPolicy.objects.exists():
        return
    ToolPolicy.objects.bulk_create(
        ToolPolicy(tool=tool, effect=PolicyEffect.ALLOW, reason=IN_SANDBOX)
        for tool in Tool.objects.filter(name__in=ALLOWED).order_by("name")
    )
