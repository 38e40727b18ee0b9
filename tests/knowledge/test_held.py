"""Many who hold a row at once, though it is not there yet, have it one after the other."""

import threading
import time
from typing import Any

import pytest
from django.db import transaction

from knowledge.importing.rows import hold_texts
from knowledge.models import KnowledgeLock, MemorySetting
from knowledge.services.own import hold_memory

from .test_memory_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("what", ["memory", "texts"])
def test_a_row_that_many_make_and_hold_at_once_is_held_by_one_after_the_other(alice: Any, what: str) -> None:
    together, inside = threading.Barrier(4), []

    def hold() -> None:
        together.wait(20)
        with transaction.atomic():
            _ = hold_memory(user=alice) if what == "memory" else hold_texts()
            inside.append(1)
            time.sleep(0.2)
            inside.append(-1)

    assert at_once(*[hold] * 4) == []
    assert inside == [1, -1] * 4
    assert (MemorySetting if what == "memory" else KnowledgeLock).objects.count() == 1
