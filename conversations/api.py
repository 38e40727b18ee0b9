"""REST resources of conversations; sending, stopping and the like are verbs below them."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import OwnedReadOnlyViewSet, OwnedViewSet
from agi_site.lib.problems import NotFound
from explanations.services import explanation_of

from . import services
from .models import Conversation, Entity, Intent, Message, Sentiment
from .querysets import attach_pictures
from .receipt_api import ReceiptsSerializer
from .receipt_api import router_entries as receipt_entries
from .receipts import lines_of, seen_pictures
from .transcript_api import TranscriptActions

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Sending again with the same key returns the turn that was begun the first time.",
)


class ConversationSerializer(RowSerializer):
    title = serializers.CharField(max_length=200, required=False, allow_blank=True, allow_null=True)

    class Meta:
        model = Conversation
        fields = ["id", "user", "title", "status", "memory_enabled", "created_at", "updated_at", "metadata"]
        read_only_fields = ["id", "user", "status", "created_at", "updated_at", "metadata"]


class MessageSerializer(RowSerializer):
    status = serializers.CharField(
        read_only=True,
        help_text=_("Of an answer: streaming, waiting, complete, incomplete, stopped or failed."),
    )

    media = serializers.SerializerMethodField(
        help_text=_("The ids of the images a person’s message shows; null for one that was deleted since.")
    )

    class Meta:
        model = Message
        fields = [
            "id",
            "conversation",
            "role",
            "content",
            "media",
            "status",
            "created_at",
            "superseded_at",
            "embedding_model",
            "metadata",
        ]

    def get_media(self, message: Message) -> list[str | None]:
        return [picture.image_id for picture in message.shown_pictures]


class IntentSerializer(RowSerializer):
    class Meta:
        model = Intent
        fields = ["id", "message", "name", "confidence", "created_at"]


class EntitySerializer(RowSerializer):
    class Meta:
        model = Entity
        fields = ["id", "message", "name", "value", "type", "start_pos", "end_pos", "created_at"]


class SentimentSerializer(RowSerializer):
    class Meta:
        model = Sentiment
        fields = ["id", "message", "score", "label", "created_at"]


class ContentSerializer(serializers.Serializer[Any]):
    """The text of a message, and the images it shows; one of the two may be missing."""

    content = serializers.CharField(
        max_length=services.MAX_MESSAGE_LENGTH, required=False, allow_blank=True, default=""
    )
    media = serializers.ListField(
        child=serializers.CharField(max_length=36),
        required=False,
        max_length=services.MOST_PICTURES,
        help_text=_(
            "Ids of your images (POST /api/v1/image-metadata/): PNG, JPEG, WebP or GIF. A model that sees "
            "gets a small copy of each. Where a message is edited and this is left out, its images stay."
        ),
    )


class TurnSerializer(serializers.Serializer[Any]):
    """A turn that was begun; its answer grows in the background."""

    user_message = serializers.CharField(source="user_message.pk", help_text=_("The id of the message."))
    assistant_message = serializers.CharField(
        source="assistant_message.pk", help_text=_("The id of its answer, empty for now.")
    )
    task = serializers.CharField(source="task_id", help_text=_("The id of the task that writes the answer."))
    events = serializers.SerializerMethodField(help_text=_("Where the answer streams as it is written."))

    def get_events(self, turn: services.Turn) -> str:
        return f"/events/conversations/{turn.user_message.conversation_id}/"


class StoppedSerializer(serializers.Serializer[Any]):
    """What was stopped."""

    assistant_message = serializers.CharField(
        allow_null=True,
        help_text=_("The id of the answer that was asked to stop; null if nothing was running."),
    )


class FoundConversationSerializer(serializers.Serializer[Any]):
    """A conversation that answers a search."""

    conversation = ConversationSerializer()
    message = serializers.CharField(
        source="message.pk", allow_null=True, default=None, help_text=_("The id of the message that does.")
    )
    excerpt = serializers.SerializerMethodField()

    def get_excerpt(self, found: services.Found) -> str:
        return "".join(text for text, _answers in found.excerpt)


class RateSerializer(serializers.Serializer[Any]):
    """A thumb, and what one has to say about it."""

    thumb = serializers.ChoiceField(choices=["up", "down"])
    comment = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)


class RatedSerializer(serializers.Serializer[Any]):
    """The feedback that was kept."""

    id = serializers.CharField()
    rating = serializers.IntegerField()
    comment = serializers.CharField(allow_null=True)


class WeightSerializer(serializers.Serializer[Any]):
    """One thing that weighed in an answer."""

    name = serializers.CharField(source="feature_name")
    value = serializers.CharField(source="feature_value")
    importance = serializers.FloatField()


class WhySerializer(serializers.Serializer[Any]):
    """Why an answer is as it is."""

    id = serializers.CharField()
    explanation = serializers.CharField()
    algorithm = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    features = WeightSerializer(many=True)


def _data(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = serializer(data=request.data)
    asked.is_valid(raise_exception=True)
    data: dict[str, Any] = asked.validated_data
    return data


def _session(request: Request) -> Any:
    return getattr(request._request, "session_row", None)


class ConversationViewSet(TranscriptActions, OwnedViewSet):
    """A dialogue with the assistant."""

    queryset = Conversation.objects.order_by("-pk")
    serializer_class = ConversationSerializer
    filterset_fields = {"status": ["exact"], "created_at": ["gte", "lt"], "updated_at": ["gte", "lt"]}
    ordering_fields = ["id", "created_at", "updated_at"]

    @transaction.atomic  # memory is never on, not for a moment, where it was asked off
    def perform_create(self, serializer: Any) -> None:
        given = serializer.validated_data
        row = services.start_conversation(owner=self.request.user, title=given.get("title") or "")
        if not given.get("memory_enabled", True):
            services.set_memory_enabled(conversation=row, by=self.request.user, enabled=False)
        serializer.instance = row

    @transaction.atomic
    def perform_update(self, serializer: Any) -> None:
        if "title" in serializer.validated_data:
            services.rename(
                conversation=serializer.instance,
                by=self.request.user,
                title=serializer.validated_data["title"] or "",
            )
        if "memory_enabled" in serializer.validated_data:
            services.set_memory_enabled(
                conversation=serializer.instance,
                by=self.request.user,
                enabled=serializer.validated_data["memory_enabled"],
            )

    def perform_destroy(self, instance: Conversation) -> None:
        services.delete_conversation(conversation=instance, by=self.request.user)

    @extend_schema(request=ContentSerializer, responses={202: TurnSerializer}, parameters=[IDEMPOTENCY_KEY])
    @action(detail=True, methods=["post"], url_path="messages")
    def send(self, request: Request, pk: str) -> Response:
        """Send a message; the answer is written in the background and streams as events."""
        turn = services.post_message(
            conversation=self.get_object(),
            author=request.user,
            **_data(ContentSerializer, request),
            session=_session(request),
            idempotency_key=request.headers.get("Idempotency-Key", "")[:200],
        )
        return Response(TurnSerializer(turn).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: StoppedSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Stop the answer that is being written; what was written stays."""
        answer = services.stop_turn(conversation=self.get_object(), by=request.user)
        body = {"assistant_message": answer.pk if answer else None}
        return Response(StoppedSerializer(body).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=ConversationSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Put a conversation away."""
        row = services.archive(conversation=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=ConversationSerializer)
    @action(detail=True, methods=["post"])
    def unarchive(self, request: Request, pk: str) -> Response:
        """Take a conversation out of the archive."""
        row = services.unarchive(conversation=self.get_object(), by=request.user)
        return Response(self.get_serializer(row).data)

    @extend_schema(
        parameters=[OpenApiParameter("q", OpenApiTypes.STR, required=True, description="What to look for.")],
        responses=FoundConversationSerializer(many=True),
        filters=False,
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def search(self, request: Request) -> Response:
        """The conversations whose title or messages fit, best first, at most 30."""
        found = services.search_conversations(user=request.user, q=request.query_params.get("q", ""))
        return Response(FoundConversationSerializer(found, many=True).data)


class MessageViewSet(OwnedReadOnlyViewSet):
    """One utterance in a conversation. Messages are made by sending, editing and answering again."""

    queryset = Message.objects.light().order_by("-pk")
    serializer_class = MessageSerializer
    filterset_fields = {
        "conversation": ["exact"],
        "role": ["exact"],
        "created_at": ["gte", "lt"],
        "superseded_at": ["isnull"],
    }
    ordering_fields = ["id", "created_at"]

    def paginate_queryset(self, queryset: Any) -> Any:
        rows = super().paginate_queryset(queryset)
        attach_pictures(rows or [])
        return rows

    @extend_schema(request=None, responses={202: TurnSerializer})
    @action(detail=True, methods=["post"])
    def regenerate(self, request: Request, pk: str) -> Response:
        """Answer again; the old answer stays as an earlier version."""
        turn = services.regenerate(message=self.get_object(), by=request.user, session=_session(request))
        return Response(TurnSerializer(turn).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=ContentSerializer, responses={202: TurnSerializer})
    @action(detail=True, methods=["post"])
    def edit(self, request: Request, pk: str) -> Response:
        """Replace one's own message and have it answered; the old branch stays readable."""
        turn = services.edit_and_resend(
            message=self.get_object(),
            by=request.user,
            **_data(ContentSerializer, request),
            session=_session(request),
        )
        return Response(TurnSerializer(turn).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={201: ConversationSerializer})
    @action(detail=True, methods=["post"])
    def branch(self, request: Request, pk: str) -> Response:
        """Go on from here in a new conversation, which holds copies of what was said up to this message."""
        made = services.branch_off(message=self.get_object(), by=request.user)
        body = ConversationSerializer(made, context=self.get_serializer_context()).data
        return Response(body, status=status.HTTP_201_CREATED)

    @extend_schema(request=RateSerializer, responses=RatedSerializer)
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, pk: str) -> Response:
        """Say what one thinks of an answer; saying it again replaces it."""
        feedback = services.rate_message(
            message=self.get_object(), by=request.user, **_data(RateSerializer, request)
        )
        return Response(RatedSerializer(feedback).data)

    @extend_schema(responses=ReceiptsSerializer)
    @action(detail=True, methods=["get"])
    def receipts(self, request: Request, pk: str) -> Response:
        """What was retrieved, used and cited for an answer, with what the rows say now."""
        row = self.get_object()
        found = {
            "receipts": lines_of(row, user=request.user),
            "pictures": seen_pictures(row, user=request.user),
        }
        return Response(ReceiptsSerializer(found).data)

    @extend_schema(responses=WhySerializer)
    @action(detail=True, methods=["get"])
    def explanation(self, request: Request, pk: str) -> Response:
        """Why an answer is as it is."""
        row = self.get_object()
        found = explanation_of(user=request.user, target_type="message", target_id=row.pk)
        if found is None:
            raise NotFound(_("There is no explanation of this message."), code="not_explained")
        return Response(WhySerializer(found).data)


class IntentViewSet(OwnedReadOnlyViewSet):
    """What a message wants, with a confidence."""

    queryset = Intent.objects.order_by("-pk")
    serializer_class = IntentSerializer
    filterset_fields = {"message": ["exact"], "name": ["exact"], "confidence": ["gte", "lt"]}
    ordering_fields = ["id"]


class EntityViewSet(OwnedReadOnlyViewSet):
    """A thing named in a message."""

    queryset = Entity.objects.order_by("-pk")
    serializer_class = EntitySerializer
    filterset_fields = {"message": ["exact"], "type": ["exact"], "name": ["exact"]}
    ordering_fields = ["id"]


class SentimentViewSet(OwnedReadOnlyViewSet):
    """The polarity of a message."""

    queryset = Sentiment.objects.order_by("-pk")
    serializer_class = SentimentSerializer
    filterset_fields = {"message": ["exact"], "label": ["exact"], "score": ["gte", "lt"]}
    ordering_fields = ["id"]


router_entries = [
    *receipt_entries,
    ("conversations", ConversationViewSet),
    ("messages", MessageViewSet),
    ("intents", IntentViewSet),
    ("entities", EntityViewSet),
    ("sentiments", SentimentViewSet),
]
