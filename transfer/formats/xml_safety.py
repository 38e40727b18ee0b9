"""XML from outside: no external entities, and none that grow when they are put in."""

import re
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

LONGEST_ENTITY = 1_000
MOST_GROWTH = 4  # times the file's own size


class _Refused(Exception):
    pass


def check(data: bytes) -> None:
    """Raise Invalid for XML that reaches outside of itself or blows up; Protégé's short entities are fine."""
    entities: dict[str, str] = {}
    parser = expat.ParserCreate()
    parser.EntityDeclHandler = _keeper_of(entities)
    parser.ExternalEntityRefHandler = _refuse  # type: ignore[assignment]
    try:
        parser.Parse(data, True)
    except _Refused as error:
        raise Invalid(
            _("The file declares XML entities that are not accepted: external, nested or long ones.")
        ) from error
    except expat.ExpatError as error:
        message = _("This is not valid %(format)s: %(fault)s")
        raise Invalid(message % {"format": "XML", "fault": str(error)}) from error
    grown = sum(
        len(entities.get(name.decode(errors="replace"), ""))
        for name in re.findall(rb"&([^;\s&]{1,100});", data)
    )
    if grown > MOST_GROWTH * len(data) + 100_000:
        raise Invalid(_("The XML entities of this file make it too large."))


def _keeper_of(entities: dict[str, str]) -> Callable[..., None]:
    def declared(
        name: str, is_parameter: bool, value: str | None, base: Any, system: str | None, *rest: Any
    ) -> None:
        if is_parameter or value is None or system or "&" in value or len(value) > LONGEST_ENTITY:
            raise _Refused(name)
        entities[name] = value

    return declared


def _refuse(*_arguments: Any) -> int:
    raise _Refused
