"""Ordering and paging of lists by keyset."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import filters, pagination
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib import keyset
from agi_site.lib.fields import EnumField
from agi_site.lib.problems import Invalid


class KeysetOrderingFilter(filters.OrderingFilter):
    """`?ordering=` over the view's `ordering_fields`; the paginator applies it, since it must be total."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        return queryset

    def get_valid_fields(self, queryset: Any, view: Any, context: Any = None) -> list[tuple[str, str]]:
        # An ENUM sorts by position but compares as text, so a keyset over it would lose rows.
        names = getattr(view, "ordering_fields", None) or []
        columns = {field.name: field for field in queryset.model._meta.concrete_fields}
        return [(name, name) for name in names if not isinstance(columns.get(name), EnumField)]


class KeysetPagination(pagination.BasePagination):
    """Pages by keyset: `?cursor=` from `next` or `previous`, `?page_size=` up to 200; no count."""

    page_size, max_page_size = 50, 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        order = KeysetOrderingFilter().get_ordering(request, queryset, view) or queryset.query.order_by
        self.request = request
        self.page = keyset.paginate(
            queryset,
            order=list(order) or ["-pk"],
            size=self._size(request),
            cursor=request.query_params.get("cursor"),
        )
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.page.next, "previous": self.page.previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        cursor = {"type": ["string", "null"], "description": "Give this as ?cursor= to go on."}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": cursor, "previous": cursor, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return [
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
            {"name": "page_size", "in": "query", "required": False, "schema": size},
        ]

    def _size(self, request: Request) -> int:
        asked = request.query_params.get("page_size", str(self.page_size))
        # Its length first: Python refuses to read a number of thousands of digits.
        fits = len(asked) <= 9 and asked.isascii() and asked.isdigit()
        if not fits or not 1 <= int(asked) <= self.max_page_size:
            message = _("page_size must be a whole number from 1 to %(most)s.")
            raise Invalid(errors={"page_size": [message % {"most": self.max_page_size}]})
        return int(asked)
