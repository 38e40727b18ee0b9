"""What the resources of this app share."""

from typing import Any

from agi_site.lib.api.fields import RowSerializer


class ChangedSerializer(RowSerializer):
    """Rows whose rules the services hold."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs

    @property
    def person(self) -> Any:
        return self.context["request"].user
