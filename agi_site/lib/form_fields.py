"""Form fields that several apps need."""

from typing import Any

from django import forms


class TextField(forms.CharField):
    """Text of any number of lines, which end as people's programs expect: browsers send CR LF."""

    def to_python(self, value: Any) -> Any:
        return _with_plain_ends(super().to_python(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(_with_plain_ends(initial), data)


def _with_plain_ends(value: Any) -> Any:
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
