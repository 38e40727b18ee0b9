"""A file's bytes as passages that are to be: what imports of documents do, for other ways in as well."""

from collections.abc import Callable

from .. import options
from .extractors import Extracted, extract
from .passages import Draft, cut
from .reasons import Unreadable


def passages_of(
    *, name: str, data: bytes, media_type: str = "", charset: str = "", stop: Callable[[], None]
) -> list[Draft]:
    """The passages of a file, each with its place; raises Unreadable, and whatever `stop` raises."""
    return drafts_of(extract(name=name, data=data, media_type=media_type, charset=charset, stop=stop))


def drafts_of(found: Extracted) -> list[Draft]:
    """The passages of a text; raises Unreadable for none, or for more than a document may have."""
    drafts = list(cut(found))
    if len(drafts) > options.MOST_PASSAGES:
        raise Unreadable("too_long", most=options.MOST_PASSAGES)
    if not drafts:
        raise Unreadable("no_text")
    return drafts


def parts_of_type(content_type: str) -> tuple[str, str]:
    """(media type, charset) of a Content-Type, each "" where it is not said."""
    kind, _semicolon, rest = content_type.lower().partition(";")
    charset = rest.partition("charset=")[2].split(";")[0].strip(" \"'")
    return kind.strip(), charset
