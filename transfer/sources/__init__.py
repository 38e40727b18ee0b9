"""Where knowledge comes from: files, web addresses, databases, other instances."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..reasons import SourceFault
from .base import Item, Position, Reader, Stop
from .files import FileReader
from .instance import InstanceReader
from .sql import SQLReader
from .web import WebReader

READERS: dict[str, type[Reader]] = {
    "file": FileReader,
    "http": WebReader,
    "sql": SQLReader,
    "instance": InstanceReader,
}

__all__ = ["READERS", "Item", "Position", "Reader", "SourceFault", "Stop", "check_connection", "reader_of"]


def check_connection(kind: str, connection: Any) -> dict[str, Any]:
    """The connection if it has what its kind needs and nothing else; raises Invalid, naming the fault."""
    if kind not in READERS:
        raise Invalid(
            errors={"kind": [_("There are these kinds: %(known)s.") % {"known": ", ".join(READERS)}]}
        )
    if not isinstance(connection, dict):
        raise Invalid(errors={"connection_info": [_("A JSON object is expected.")]})
    reader = READERS[kind]
    unknown = sorted(set(map(str, connection)) - reader.needed - reader.optional)
    missing = sorted(name for name in reader.needed if not connection.get(name))
    faults = [_("“%(name)s” is missing.") % {"name": name} for name in missing]
    faults += [_("“%(name)s” is not known here.") % {"name": name[:60]} for name in unknown]
    if not faults:
        try:
            reader(connection).check()
        except SourceFault as fault:
            faults = [str(fault)]
    if faults:
        raise Invalid(errors={"connection_info": faults})
    return dict(connection)


def reader_of(kind: str, connection: Mapping[str, Any] | None) -> Reader:
    """The reader of a source; raises SourceFault where its connection is missing."""
    if not connection:
        raise SourceFault("no_connection")
    return READERS[kind](connection)
