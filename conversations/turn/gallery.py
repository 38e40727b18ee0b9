"""Which pictures of a conversation the model gets to see: the newest first, as far as there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from agi_site.lib.engines.base import Picture
from agi_site.lib.engines.tokens import picture_tokens
from agi_site.lib.problems import Problem
from media import services as media

from ..models import MessagePicture

MOST_SENT = 16  # servers refuse requests with many pictures
type Why = Literal["", "engine", "room", "gone"]


class Gallery:
    """Gives out pictures for the messages of one request, newest first, and notes which were seen.

    `sees` says whether the engine takes pictures; it may ask a server, so it is called where there is one.
    """

    def __init__(self, sees: Callable[[], bool]) -> None:
        self._sees = sees
        self._full = False
        self.seen: list[tuple[str, str]] = []  # ids of images and their names
        self.unseen: list[tuple[str, str]] = []
        self.why: Why = ""
        self.spent = 0  # tokens

    def choose(
        self, shown: Sequence[MessagePicture], room: int, *, asked: bool = False
    ) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
        """The pictures of a message that fit in `room` tokens, and the names of those the model does not get.

        Once one did not fit, no older one is shown, and none that stands behind it in its message. Of the
        question (`asked`) all that is not seen is noted, of earlier messages what there was no room for.
        """
        pictures: list[Picture] = []
        unseen: list[str] = []
        for one in shown:
            picture, why = self._opened(one, room)
            if picture is None:
                unseen.append(one.name)
                if asked or why == "room":
                    self.unseen.append((one.image_id or "", one.name))
                    self.why = self.why or why
                continue
            cost = picture_tokens(one.width, one.height)
            room -= cost
            self.spent += cost
            pictures.append(picture)
            self.seen.append((picture.id, picture.name))
        return tuple(pictures), tuple(unseen)

    def _opened(self, one: MessagePicture, room: int) -> tuple[Picture | None, Why]:
        if one.image is None:
            return None, "gone"
        if not self._sees():
            return None, "engine"
        if self._full or picture_tokens(one.width, one.height) > room or len(self.seen) >= MOST_SENT:
            self._full = True
            return None, "room"
        try:
            data = media.small_of(one.image)
        except Problem:
            return None, "gone"
        return Picture(one.image.pk, one.name, one.width, one.height, data), ""

    def told(self) -> dict[str, object]:
        """What is kept with the answer: ids alone, since names are read when they are shown."""
        ids = {"seen": [pk for pk, _name in self.seen], "unseen": [pk for pk, _name in self.unseen]}
        return ids | {"why": self.why}
