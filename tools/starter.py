"""What a new installation starts with: the tools, and the rules of the policy, which operators change."""

from django.db import transaction
from django.utils.translation import gettext_noop

from . import services
from .models import PolicyEffect, ToolPolicy

IN_SANDBOX = gettext_noop("It runs in a locked-down sandbox.")
ALLOWED = ("python", "shell", "read_file", "write_file")


@transaction.atomic
def load() -> None:
    """Make or refresh the rows of every registered tool; those that are new get the rules they start with.

    What an operator switched off stays off, and a rule that was removed stays away. Tools that are imported
    ask first by their own default, so no rule is needed for them.
    """
    new = services.sync_registry()
    ToolPolicy.objects.bulk_create(
        ToolPolicy(tool=tool, effect=PolicyEffect.ALLOW, reason=IN_SANDBOX)
        for tool in new
        if tool.name in ALLOWED
    )
