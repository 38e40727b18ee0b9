"""A message is read and learnt from, as the task that follows an answer does it."""

from collections.abc import Sequence
from typing import Any

from knowledge import services


def learn_from(
    owner: Any,
    text: str,
    *,
    source_message: str = "m1",
    source_conversation: str = "",
    told: Sequence[str] = (),
    language: str = "en",
) -> services.Learnt:
    """What came of the message `text` by `owner`."""
    return services.keep_proposals(
        owner=owner,
        proposals=services.propose_memories(owner=owner, text=text, told=told, language=language),
        source_message=source_message,
        source_conversation=source_conversation,
    )
