"""What a person thought of an answer."""

from __future__ import annotations

from typing import Literal

from django.utils.translation import gettext as _

from accounts.models import User
from agi_site.lib.problems import Invalid
from learning.models import Feedback
from learning.services import give_feedback

from ..models import Message, MessageRole

RATINGS = {"up": 5, "down": 1}
type Thumb = Literal["up", "down"]


def rate_message(*, message: Message, by: User, thumb: Thumb | str, comment: str = "") -> Feedback:
    """Keep a thumb and a comment on an answer as feedback; raises Invalid for anything else."""
    if message.role != MessageRole.ASSISTANT:
        raise Invalid(_("Only an answer can be rated."), code="not_an_answer")
    if thumb not in RATINGS:
        raise Invalid(errors={"thumb": [_("Say “up” or “down”.")]})
    return give_feedback(
        user=by, entity_type="message", entity_id=message.pk, rating=RATINGS[thumb], comment=comment
    )
