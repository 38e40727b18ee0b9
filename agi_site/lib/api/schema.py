"""How the OpenAPI document tells of errors: the same problem document everywhere."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(default="about:blank")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="A slug for programs.")
    title = serializers.CharField(help_text="A sentence for people: what is wrong and what to do.")
    errors = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="The faults of each field."
    )


def problems(*statuses: int) -> dict[Any, Any]:
    """The entries of `responses=` that document these error answers."""
    return {(status, "application/problem+json"): ProblemSerializer for status in statuses}


def bytes_of(*kinds: str) -> dict[Any, Any]:
    """The entries of `responses=` for the bytes of a file, of which `Range` asks for a part."""
    sent = {(status, kind): OpenApiTypes.BINARY for status in (200, 206) for kind in kinds}
    return sent | problems(412, 416)


PROBLEMS = problems(400, 401, 403, 404, 406, 409, 415, 429)


class HouseAutoSchema(AutoSchema):
    """Documents on every operation the error answers that any operation can give."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._error_statuses():
            if str(status) not in bodies:
                bodies[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    ProblemSerializer,
                    str(status),
                    media_types=["application/problem+json"],
                    direction=direction,
                )
        return bodies

    def _error_statuses(self) -> list[int]:
        statuses = [400, 401, 403, 406, 429]
        if "{" in self.path:
            statuses.append(404)
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            statuses += [409, 413, 415]
        return sorted(statuses)
