"""REST of webhooks and their deliveries."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, OwnedViewSet

from . import services
from .models import Webhook, WebhookDelivery


class WebhookSerializer(RowSerializer):
    events = serializers.ListField(
        child=serializers.CharField(max_length=101),
        min_length=1,
        max_length=services.MOST_EVENTS,
        help_text="Names (plan_execution.completed), families (plan_execution.*) or *.",
    )

    class Meta:
        model = Webhook
        fields = [
            "id",
            "url",
            "description",
            "events",
            "enabled",
            "failures",
            "disabled_reason",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "failures", "disabled_reason", "created_at", "updated_at"]

    def create(self, validated_data: dict[str, Any]) -> Webhook:
        return services.create_webhook(owner=self.context["request"].user, **validated_data)

    def update(self, instance: Webhook, validated_data: dict[str, Any]) -> Webhook:
        return services.change_webhook(webhook=instance, by=self.context["request"].user, **validated_data)


class NewWebhookSerializer(WebhookSerializer):
    """A webhook with its secret, which is shown this once."""

    secret = serializers.SerializerMethodField(help_text="Verifies signatures; shown only now.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]

    def get_secret(self, webhook: Webhook) -> str:
        return services.secret_of(webhook)


class SecretSerializer(serializers.Serializer[Any]):
    """A new secret; the old one signs, too, for a day."""

    secret = serializers.CharField(read_only=True)


class WebhookDeliverySerializer(RowSerializer):
    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "webhook",
            "event",
            "payload",
            "status",
            "attempts",
            "response_status",
            "response_head",
            "error_message",
            "next_attempt_at",
            "created_at",
            "completed_at",
        ]
        read_only_fields = fields


class WebhookViewSet(OwnedViewSet):
    """An address of yours that is told what happens."""

    queryset = Webhook.objects.order_by("-pk")
    serializer_class = WebhookSerializer
    filterset_fields = {"enabled": ["exact"]}
    ordering_fields = ["id", "created_at"]

    @extend_schema(request=WebhookSerializer, responses={201: NewWebhookSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add a webhook; the answer shows its secret, this once."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        webhook = given.save()
        body = NewWebhookSerializer(webhook, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: Webhook) -> None:
        services.delete_webhook(webhook=instance, by=self.request.user)

    @extend_schema(request=None, responses={202: WebhookDeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send a test event to this webhook."""
        delivery = services.send_test(webhook=self.get_object(), by=request.user)
        body = WebhookDeliverySerializer(delivery, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["post"])
    def rotate_secret(self, request: Request, pk: str) -> Response:
        """Give it a new secret; for a day the old one signs, too."""
        return Response({"secret": services.rotate_secret(webhook=self.get_object(), by=request.user)})


class WebhookDeliveryViewSet(OwnedReadOnlyViewSet):
    """One event on its way to one webhook."""

    queryset = WebhookDelivery.objects.order_by("-pk")
    serializer_class = WebhookDeliverySerializer
    filterset_fields = {"webhook": ["exact"], "event": ["exact"], "status": ["exact"]}
    ordering_fields = ["id", "created_at"]

    @extend_schema(request=None, responses={202: WebhookDeliverySerializer})
    @action(detail=True, methods=["post"])
    def redeliver(self, request: Request, pk: str) -> Response:
        """Send it once more, as the same message."""
        delivery = services.redeliver(delivery=self.get_object(), by=request.user)
        return Response(self.get_serializer(delivery).data, status=status.HTTP_202_ACCEPTED)


router_entries = [
    ("webhooks", WebhookViewSet),
    ("webhook-deliveries", WebhookDeliveryViewSet),
]
