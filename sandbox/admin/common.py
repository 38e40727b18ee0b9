"""What the admin's pages of sandboxes share: colours, verbs on many rows, forms that ask the service."""

import json
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agi_site.lib.admin import HistoryAdmin
from agi_site.lib.fields import masked
from agi_site.lib.problems import Problem

COLOURS = {
    "creating": "info",
    "running": "success",
    "paused": "warning",
    "failed": "danger",
    "queued": "info",
    "succeeded": "success",
    "active": "success",
    "draining": "warning",
    "lost": "danger",
    "warming": "info",
    "warm": "success",
    "claimed": "info",
    "ending": "warning",
    "ready": "success",
    "held": "danger",
    "released": "success",
    # without a colour of their own, but to be shown by their names too
    "stopped": "default",
    "deleted": "default",
    "ended": "default",
    "gone": "default",
    "removed": "default",
}


class PartAdmin(HistoryAdmin):
    """Rows that belong to a sandbox's life: nobody deletes them alone, they go with it."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def names_only(secrets: dict[str, Any] | None) -> SafeString:
    """A sealed object as its names, every value hidden."""
    return format_html("<pre>{}</pre>", json.dumps(masked(secrets) or {}, indent=2, ensure_ascii=False))


def as_text(text: str | None) -> SafeString | str:
    """A text with its lines as they are."""
    if not text:
        return "–"
    return format_html('<pre class="overflow-auto max-h-96 text-xs whitespace-pre-wrap">{}</pre>', text)


def link(address: str, text: Any) -> SafeString:
    """A link that looks like one."""
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text)


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that lets the service try the values, and shows at the fields what it refuses.

    Nothing is kept of the trial; `save_model` of the admin asks the service again, in the person's name.
    """

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                with transaction.atomic():
                    self.attempt(values)
                    transaction.set_rollback(True)
            except Problem as problem:
                self._tell(problem)
        return values

    def attempt(self, values: dict[str, Any]) -> None:
        """Do with the service what saving will do, on a copy of the row."""
        raise NotImplementedError

    def column_of(self, field: str) -> str | None:
        """The form's field at which a fault of the service's `field` is shown."""
        return field if field in self.fields else None

    def _tell(self, problem: Problem) -> None:
        for field, faults in problem.errors.items():
            column = self.column_of(field)
            for fault in faults:
                self.add_error(column, str(fault) if column == field else f"{field}: {fault}")
        if not problem.errors:
            self.add_error(None, str(problem.message))
