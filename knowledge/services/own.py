"""What a person decides about being remembered: on or off, and forgetting everything."""

from collections.abc import Mapping
from itertools import batched
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Session
from agi_site.lib import vectors
from agi_site.lib.problems import Invalid
from system import queue
from system.services import drop_terms_later

from ..holding import hold_memory
from ..models import (
    Context,
    Memory,
    MemoryImport,
    MemoryQuestion,
    MemoryRefusal,
    MemorySearch,
    MemorySetting,
)
from .traces import marks_of


def memory_of(*, user: Any) -> MemorySetting:
    """What `user` has decided; an unsaved row with the defaults where they have decided nothing."""
    row = MemorySetting.objects.filter(user=user.pk).first()
    found: MemorySetting = row or MemorySetting(user_id=user.pk, updated_at=None)
    return found


@transaction.atomic
def set_memory(*, user: Any, enabled: bool) -> MemorySetting:
    """Turn memory on or off; off, nothing is recalled and nothing new is formed, and what is there stays."""
    row = hold_memory(user_id=user.pk)
    row.enabled = enabled
    row.save(update_fields=["enabled", "updated_at"])
    return row


@transaction.atomic
def forget_everything(*, user: Any, typed: str) -> dict[str, int]:
    """Forget all that a person is remembered by, for good; returns how many rows of each table went.

    `typed` is their own username, as a sign that they mean it: Invalid otherwise. Rows, relations, refusals,
    questions, contexts, files brought along, search rows and vectors go with the commit; other apps hear of
    it by the event `memories.forgotten`. What was said so far is not learnt from any more.
    """
    if typed.strip() != user.username:
        fault = _("Type your username, %(name)s, to confirm.") % {"name": user.username}
        raise Invalid(code="not_confirmed", errors={"confirm": [fault]})
    row = hold_memory(user_id=user.pk)
    # A batch of a running import ends first; the next one finds its row gone.
    list(MemoryImport.objects.select_for_update().for_user(user).order_by("pk").values_list("pk"))
    # A turn that is about to write what its session carries writes it before.
    list(Session.objects.select_for_update().filter(user=user.pk).order_by("pk").values_list("pk"))
    said = dict(Memory.objects.for_user(user).values_list("pk", "content"))
    gone = {}
    for model in (MemoryQuestion, MemoryRefusal, MemoryImport, Memory, Context):
        rows = model.objects.for_user(user)
        gone[model._meta.db_table] = rows.count()
        rows.delete()
    row.forgotten_at = timezone.now()
    row.save(update_fields=["forgotten_at", "updated_at"])
    announce_forgotten(user_id=user.pk, said=said)
    transaction.on_commit(lambda: vectors.touch(Memory))
    return gone


def announce_forgotten(*, user_id: int, said: Mapping[str, str]) -> None:
    """Tell the apps that keep copies of what memories said (results of tools, prompts) which are forgotten.

    `said`: their texts by id; of a text only its marks go out, "" for one that another memory says, too.
    Their words leave the index of memories.
    """
    for some in batched(said.items(), 500):
        told = {"ids": [pk for pk, _text in some], "marks": marks_of(text for _pk, text in some)}
        queue.announce("memories.forgotten", {"user_id": user_id} | told)
    drop_terms_later(MemorySearch)
