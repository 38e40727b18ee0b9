"""What people fill in to bring in files and web addresses."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .importing.extractors.decoding import CODE, MARKDOWN, PAGES, RECORDS, TABLES, TEXTS

ACCEPTED = sorted({".pdf", ".docx"} | TEXTS | MARKDOWN | PAGES | TABLES | RECORDS | CODE)


# A host as people write it, with what follows: "www.example.com/a", but neither "mailto:…" nor a word.
_NO_SCHEME = re.compile(r"(?:[\w-]+\.)+[^\W\d_]{2,}(?::\d+)?(?:[/?#]\S*)?")


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files."""

    widget = _Files

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(file, initial) for file in given if file]


class ImportForm(forms.Form):
    """Files, addresses, or both; what they become carries the tags."""

    files: Any = FilesField(
        label=_("Files"),
        required=False,
        allow_empty_file=True,
        widget=_Files(attrs={"class": "upload-input", "accept": ",".join(ACCEPTED)}),
    )
    urls = forms.CharField(
        label=_("Web addresses"),
        required=False,
        max_length=1_000_000,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "https://", "spellcheck": "false"}),
        help_text=_("One address a line. Pages, PDF files and texts are read."),
    )
    tags = forms.CharField(
        label=_("Tags"), max_length=1_100, required=False, help_text=_("Separated by commas.")
    )

    def clean_urls(self) -> list[str]:
        """The addresses as a list; one that is written without it begins with https://."""
        lines = (line.strip() for line in self.cleaned_data["urls"].splitlines())
        return [f"https://{line}" if _NO_SCHEME.fullmatch(line) else line for line in lines if line]

    def clean_tags(self) -> list[str]:
        """The tags as a list."""
        return [tag for tag in (part.strip() for part in self.cleaned_data["tags"].split(",")) if tag]
