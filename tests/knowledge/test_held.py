"""Many who hold a row at once, though it is not there yet, have it one after the other."""

import threading
import time
from typing import Any

import pytest
from django.db import transaction

from knowledge.holding import hold_memory
from knowledge.importing.rows import hold_texts
from knowledge.models import KnowledgeLock, MemorySetting

from .test_memory_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("model", [MemorySetting, KnowledgeLock])
def test_a_row_that_many_make_and_hold_at_once_is_held_by_one_after_the_other(alice: Any, model: Any) -> None:
    together, inside = threading.Barrier(4), []

    def hold() -> None:
        together.wait(20)
        with transaction.atomic():
            if model is MemorySetting:
                hold_memory(user_id=alice.pk)
            else:
                hold_texts()
            inside.append(1)
            time.sleep(0.2)
            inside.append(-1)

    assert at_once(*[hold] * 4) == []
    assert inside == [1, -1] * 4
    assert model.objects.count() == 1
