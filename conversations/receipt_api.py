"""REST of receipts: what was retrieved, used and cited for an answer."""

from typing import Any

from rest_framework import serializers

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet

from .models import RecallReceipt
from .receipts import Line


class RecallReceiptSerializer(RowSerializer):
    class Meta:
        model = RecallReceipt
        fields = [
            "id",
            "message",
            "kind",
            "row_id",
            "number",
            "rank",
            "score",
            "parts",
            "used",
            "cited",
            "tool",
        ]


class LineSerializer(serializers.Serializer[Any]):
    """A receipt with what its row says now."""

    id = serializers.IntegerField(source="receipt.pk")
    kind = serializers.CharField(source="receipt.kind", help_text="knowledge or memory")
    row_id = serializers.CharField(source="receipt.row_id", help_text="The id of the memory or passage.")
    number = serializers.IntegerField(
        source="receipt.number", allow_null=True, help_text="The n of the [n] that cites it."
    )
    rank = serializers.IntegerField(source="receipt.rank")
    score = serializers.FloatField(source="receipt.score")
    parts = serializers.DictField(source="receipt.parts", child=serializers.FloatField())
    used = serializers.BooleanField(source="receipt.used", help_text="Whether it was in the prompt.")
    cited = serializers.BooleanField(source="receipt.cited")
    tool = serializers.CharField(
        source="receipt.tool", help_text="The tool that found it; empty for the recall before the answer."
    )
    state = serializers.CharField(
        help_text="current, replaced, archived or coming; forgotten where the row is gone or hidden."
    )
    title = serializers.CharField()
    content = serializers.CharField(help_text="What the row says now; empty where it is gone.")
    may_change = serializers.SerializerMethodField()

    def get_may_change(self, line: Line) -> bool:
        return line.may_change


class SeenPictureSerializer(serializers.Serializer[Any]):
    """A picture of the conversation, and whether it went to the model."""

    id = serializers.CharField(help_text="The id of the image; empty if it was deleted before.")
    seen = serializers.BooleanField(help_text="Whether it went to the model.")


class ReceiptsSerializer(serializers.Serializer[Any]):
    """All receipts of an answer, best rank first, and the pictures that went to the model or did not."""

    receipts = LineSerializer(many=True)
    pictures = SeenPictureSerializer(many=True)


class RecallReceiptViewSet(OwnedReadOnlyViewSet):
    """What was retrieved for one's answers; a memory is corrected or forgotten at its own address."""

    queryset = RecallReceipt.objects.order_by("-pk")
    serializer_class = RecallReceiptSerializer
    filterset_fields = {
        "message": ["exact"],
        "kind": ["exact"],
        "row_id": ["exact"],
        "used": ["exact"],
        "cited": ["exact"],
    }
    ordering_fields = ["id", "rank"]


router_entries = [("recall-receipts", RecallReceiptViewSet)]
