"""What every table needs in the admin: no COUNT(*) over big tables, no stray queries, history read-only."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import models, transaction
from django.forms import Textarea
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, TabularInline

from .problems import Problem

COUNTED_ROWS = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than `COUNTED_ROWS`, so that the list of a big table stays fast."""

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `COUNTED_ROWS`."""
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[:COUNTED_ROWS].count())


def tell_problems(request: HttpRequest, view: Callable[..., HttpResponse], *args: Any) -> HttpResponse:
    """Answer with `view`; where a service refuses, nothing is changed and the page that asked says why."""
    try:
        if request.method != "POST":
            return view(request, *args)
        with transaction.atomic():
            return view(request, *args)
    except Problem as problem:
        faults = [str(fault) for some in problem.errors.values() for fault in some]
        messages.error(request, " ".join(faults) or str(problem.message))
        again = request.get_full_path() if request.method == "POST" else reverse("admin:index")
        return HttpResponseRedirect(again)


def for_each(request: HttpRequest, rows: Iterable[Any], verb: Callable[[Any], object]) -> None:
    """Do `verb` to each row for itself; says how many were done, and what stood in the way of the others."""
    done, refused = 0, []
    for row in rows:
        try:
            with transaction.atomic():
                verb(row)
            done += 1
        except Problem as problem:
            faults = [str(fault) for some in problem.errors.values() for fault in some]
            refused.append(f"{row}: {' '.join(faults) or problem.message}")
    if done:
        text = ngettext("%(count)d row was changed.", "%(count)d rows were changed.", done)
        messages.success(request, text % {"count": done})
    for fault in refused[:5]:
        messages.warning(request, fault)


class TableAdmin(ModelAdmin):
    """A table that operators may change, within their permissions.

    Its forms and actions may call services: what they refuse becomes a message (`tell_problems`).
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    warn_unsaved_form = True
    compressed_fields = True
    formfield_overrides = {models.JSONField: {"widget": Textarea(attrs={"rows": 8, "class": "font-mono"})}}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return tell_problems(request, super().changelist_view, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        return tell_problems(request, super().changeform_view, object_id, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return tell_problems(request, super().delete_view, object_id, extra_context)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What the system writes itself is shown once the row exists, and never edited."""
        own = [field.name for field in self.opts.concrete_fields if not field.editable and _showable(field)]
        return [*self.readonly_fields, *(own if obj else [])]

    def get_list_select_related(self, request: HttpRequest) -> list[str] | bool:
        """The rows that the list's columns name are read with it, in one query."""
        shown = {getattr(column, "admin_order_field", column) for column in self.get_list_display(request)}
        return [f.name for f in self.opts.concrete_fields if f.is_relation and f.name in shown] or False

    def get_raw_id_fields(self, request: HttpRequest) -> list[str]:
        """References are typed or looked up: a drop-down would read the whole other table."""
        return [field.name for field in self.opts.concrete_fields if field.is_relation]


class HistoryAdmin(TableAdmin):
    """A table of what happened: operators read and, with permission, delete; nobody rewrites it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RowInline(TabularInline):
    """Rows that belong to the one being edited."""

    extra = 0
    show_change_link = True
    per_page = 50
    ordering = ("-pk",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What the system writes itself is shown, never edited."""
        own = {field.name for field in self.opts.concrete_fields if not field.editable}
        return [*self.readonly_fields, *(name for name in self.fields or () if name in own)]


class HistoryInline(RowInline):
    """Rows that belong to the one being read; nobody rewrites them."""

    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def link_to(field: str, description: Any = None) -> Any:
    """A list column that links to the row a foreign key names."""

    @admin.display(description=description or _(field.replace("_", " ")), ordering=field)
    def column(*admin_and_row: Any) -> str:
        # Named in `list_display` it gets the row, as an attribute of the class the admin before it.
        target = getattr(admin_and_row[-1], field)
        if target is None:
            return "–"
        meta = target._meta
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[target.pk])
        return format_html('<a href="{}">{}</a>', address, target)

    return column


def _showable(field: "models.Field[Any, Any]") -> bool:
    return not isinstance(field, models.BinaryField)
