"""The standard library in its small form: what PID 1 loads costs every sandbox its time and its memory.

`signal` and `socket` are the C modules below those of these names, which load `enum`, `selectors` and more
only to name constants; `suppress` is contextlib's. Annotations in the runner are never evaluated.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
else:
    import _signal as signal
    import _socket as socket

__all__ = ["signal", "socket", "suppress"]


class suppress:  # noqa: N801 -- named as in contextlib
    """A block that ends quietly with one of these exceptions."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, _error: object, _where: object) -> bool:
        return kind is not None and issubclass(kind, self._errors)
