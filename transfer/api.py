"""REST resources of transfer."""

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.viewsets import SharedReadOnlyViewSet, SharedViewSet

from .models import DomainOntology, KnowledgeMapping, KnowledgeSource, TransferMetric, TransferTask


class KnowledgeSourceSerializer(RowSerializer):
    class Meta:
        model = KnowledgeSource
        fields = [
            "id",
            "name",
            "domain",
            "description",
            "connection_info",
            "created_at",
            "updated_at",
            "is_active",
        ]
        read_only_fields = ["id", "created_at", "updated_at"]


class KnowledgeMappingSerializer(RowSerializer):
    class Meta:
        model = KnowledgeMapping
        fields = [
            "id",
            "source_concept",
            "target_concept",
            "source_domain",
            "target_domain",
            "relation_type",
            "confidence",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "created_at", "updated_at"]


class TransferTaskSerializer(RowSerializer):
    class Meta:
        model = TransferTask
        fields = [
            "id",
            "source_id",
            "target_id",
            "task_type",
            "status",
            "parameters",
            "created_at",
            "started_at",
            "completed_at",
            "result",
        ]


class DomainOntologySerializer(RowSerializer):
    class Meta:
        model = DomainOntology
        fields = [
            "id",
            "domain",
            "concept",
            "definition",
            "relationships",
            "attributes",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "created_at", "updated_at"]


class TransferMetricSerializer(RowSerializer):
    class Meta:
        model = TransferMetric
        fields = ["id", "transfer_task", "metric_name", "metric_value", "timestamp"]


class KnowledgeSourceViewSet(SharedViewSet):
    """Where knowledge of a domain comes from."""

    queryset = KnowledgeSource.objects.order_by("-pk")
    serializer_class = KnowledgeSourceSerializer
    filterset_fields = {"name": ["exact"], "domain": ["exact"], "is_active": ["exact"]}
    ordering_fields = ["id", "domain", "is_active", "created_at"]


class KnowledgeMappingViewSet(SharedViewSet):
    """Two concepts of two domains that correspond."""

    queryset = KnowledgeMapping.objects.order_by("-pk")
    serializer_class = KnowledgeMappingSerializer
    filterset_fields = {
        "source_concept": ["exact"],
        "target_concept": ["exact"],
        "relation_type": ["exact"],
        "confidence": ["exact"],
    }
    ordering_fields = ["id", "source_concept", "target_concept", "relation_type", "confidence", "created_at"]


class TransferTaskViewSet(SharedReadOnlyViewSet):
    """One use of mappings to carry knowledge from a source to a target."""

    queryset = TransferTask.objects.order_by("-pk")
    serializer_class = TransferTaskSerializer
    filterset_fields = {
        "source_id": ["exact"],
        "target_id": ["exact"],
        "task_type": ["exact"],
        "status": ["exact"],
        "created_at": ["gte", "lt"],
    }
    ordering_fields = ["id", "source_id", "target_id", "task_type", "created_at"]


class DomainOntologyViewSet(SharedViewSet):
    """A concept of a domain, its relationships and attributes."""

    queryset = DomainOntology.objects.order_by("-pk")
    serializer_class = DomainOntologySerializer
    filterset_fields = {"concept": ["exact"]}
    ordering_fields = ["id", "concept", "created_at"]


class TransferMetricViewSet(SharedReadOnlyViewSet):
    """A figure measured for a transfer task."""

    queryset = TransferMetric.objects.order_by("-pk")
    serializer_class = TransferMetricSerializer
    filterset_fields = {"transfer_task": ["exact"], "metric_name": ["exact"]}
    ordering_fields = ["id", "metric_name"]


router_entries = [
    ("knowledge-sources", KnowledgeSourceViewSet),
    ("knowledge-mappings", KnowledgeMappingViewSet),
    ("transfer-tasks", TransferTaskViewSet),
    ("domain-ontologies", DomainOntologyViewSet),
    ("transfer-metrics", TransferMetricViewSet),
]
