"""Filters of lists: `?status=failed&created_at__gte=…` over the view's `filterset_fields`.

What a list does not know it refuses: a filter with a slip in its name would otherwise answer with every row,
and perhaps to a program that deletes what it is given.
"""

from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend, ModelChoiceFilter
from rest_framework.request import Request

from agi_site.lib.problems import Invalid

OF_EVERY_LIST = {"cursor", "ordering", "page_size"}


@cache
def _filterset_of(view_class: type[Any], model: type[Any]) -> Any:
    found: Any = DjangoFilterBackend().get_filterset_class(view_class, model._base_manager.all())
    for one in found.base_filters.values() if found else ():
        if isinstance(one, ModelChoiceFilter):
            one.queryset = partial(_visible, one.queryset.model)
    return found


def _visible(model: type[Any], request: Request | None) -> Any:
    """The rows a reference may name: with all rows, an answer would tell whether someone else's exists."""
    return model.objects.for_user(request.user if request else None)


class FieldFilters(DjangoFilterBackend):
    """The framework's filters, built once per view instead of for each request."""

    def get_filterset_class(self, view: Any, queryset: Any = None) -> Any:
        return None if queryset is None else _filterset_of(type(view), queryset.model)

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        found = self.get_filterset_class(view, queryset)
        if getattr(view, "action", "") == "list":
            own = getattr(view, "list_parameters", ())
            _refuse_unknown(request, OF_EVERY_LIST.union(found.base_filters if found else (), own))
        if found is None or not found.base_filters.keys() & request.query_params.keys():
            return queryset
        return super().filter_queryset(request, queryset, view)

    def get_filterset(self, request: Request, queryset: Any, view: Any) -> Any:
        found = super().get_filterset(request, queryset, view)
        if found is not None and found.is_valid():
            _check_times(found.form.cleaned_data)
        return found


def _refuse_unknown(request: Request, known: set[str]) -> None:
    errors = {
        name: [_("This list has no such filter. It has: %(known)s.") % {"known": ", ".join(sorted(known))}]
        for name in request.query_params
        if name not in known
    }
    if errors:
        raise Invalid(errors=errors)


def _check_times(values: dict[str, Any]) -> None:
    """Refuse a time near the end of the calendar that no column holds once it is told in UTC."""
    for name, value in values.items():
        if isinstance(value, datetime):
            try:
                value.astimezone(UTC)
            except OverflowError as error:
                raise Invalid(errors={name: [_("This time is out of range.")]}) from error
