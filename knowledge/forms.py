"""What people fill in about knowledge and memory; the rules themselves stand in the services."""

import hashlib
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from . import options
from .models import MemoryType

_CHANGED = _(
    "This was changed since you opened it. Save again to write over it, or open it anew to see the change."
)


class _RowForm(forms.Form):
    """What people fill in; over a row (`current`), which another tab or person may change meanwhile.

    `seen` stands for what the form was opened with. Where the row says something else by now, saving is
    refused once, with all that was typed; the next time it is meant.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        initial: dict[str, Any] | None = None,
        current: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial if current is None else current)
        self.outrun = False
        if current is None:
            del self.fields["seen"]
            return
        now = _mark(current)
        self.initial = current | {"seen": now}
        if data and data.get("seen", now) != now:
            self.outrun, given = True, data.copy()
            given["seen"] = now
            self.data = given

    def clean(self) -> dict[str, Any]:
        """Everything but the mark; refused once where the row was changed meanwhile."""
        self.cleaned_data.pop("seen", None)
        if self.outrun:
            raise ValidationError(_CHANGED, code="changed")
        return self.cleaned_data


def _mark(shown: dict[str, Any]) -> str:
    """By what the form knows again what it was opened with."""
    return hashlib.sha256(repr(sorted(shown.items())).encode()).hexdigest()


class KnowledgeForm(_RowForm):
    """A passage."""

    title = forms.CharField(
        label=_("Title"), max_length=255, error_messages={"required": _("Give it a title.")}
    )
    content = forms.CharField(
        label=_("Content"),
        max_length=options.LONGEST_CONTENT,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text=_("One topic per passage is found best. Markdown is shown formatted."),
        error_messages={"required": _("Write something to be found.")},
    )
    tags = forms.CharField(
        label=_("Tags"), max_length=1_100, required=False, help_text=_("Separated by commas.")
    )
    source = forms.CharField(
        label=_("Source"),
        max_length=255,
        required=False,
        help_text=_("Where this comes from: an address, a document, a person."),
    )

    def clean_tags(self) -> list[str]:
        """The tags as a list."""
        return [tag for tag in (part.strip() for part in self.cleaned_data["tags"].split(",")) if tag]


class MemoryForm(_RowForm):
    """Something the assistant should keep in mind."""

    content = forms.CharField(
        label=_("Memory"),
        max_length=options.LONGEST_MEMORY,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Write what is to be remembered.")},
    )
    type = forms.ChoiceField(label=_("Type"), choices=MemoryType.choices, initial=MemoryType.SEMANTIC)
    importance = forms.DecimalField(
        label=_("Importance"),
        min_value=0,
        max_value=1,
        decimal_places=2,
        initial="0.5",
        widget=forms.NumberInput(attrs={"step": "0.01"}),
        help_text=_("From 0 to 1. Important memories come to mind first."),
    )
    pinned = forms.BooleanField(
        label=_("Pinned"), required=False, help_text=_("Counts as most important, and never fades.")
    )


def initial_of_knowledge(row: Any) -> dict[str, Any]:
    """A passage as the form shows it."""
    tags = ", ".join(row.tag_names)
    return {"title": row.title, "content": row.content, "source": row.source or "", "tags": tags}


def initial_of_memory(row: Any) -> dict[str, Any]:
    """A memory as the form shows it."""
    return {
        "content": row.content,
        "type": row.type,
        "importance": row.importance,
        "pinned": row.pinned,
    }


class MemoryFileForm(forms.Form):
    """A file of memories."""

    file = forms.FileField(
        label=_("File"),
        widget=forms.ClearableFileInput(attrs={"accept": "application/json,.json"}),
        help_text=_("A file that was exported here or elsewhere; what is there already is not added again."),
        error_messages={"required": _("Choose a file."), "empty": _("The file is empty.")},
    )


class ForgetEverythingForm(forms.Form):
    """One's username, as a sign that one means it."""

    confirm = forms.CharField(
        label=_("Your username"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
        error_messages={"required": _("Type your username to confirm.")},
    )
