"""JSON from outside as serializer fields: refused where a column cannot hold it."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from agi_site.lib import plain_json
from agi_site.lib.problems import Invalid


class PlainJSONField(serializers.JSONField):
    """JSON of bounded size and depth, without NUL characters, half surrogates and numbers out of range."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        try:
            plain_json.check(value, field=self.field_name or "value")
        except Invalid as problem:
            raise serializers.ValidationError(
                [str(fault) for faults in problem.errors.values() for fault in faults]
            ) from problem
        return value


class JSONObjectField(PlainJSONField):
    """A JSON object, checked like `PlainJSONField`."""

    default_error_messages = {"not_an_object": _("A JSON object is expected.")}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            self.fail("not_an_object")
        return value


class AnyJSON(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Documents every JSON field by the types it may have.

    Left to itself the generator says "anything, or else null" of a nullable one, which refuses null: it is
    both.
    """

    target_class = "rest_framework.serializers.JSONField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        if isinstance(self.target, JSONObjectField):
            return {"type": "object", "additionalProperties": {}}
        return {"type": ["object", "array", "string", "number", "boolean"]}
