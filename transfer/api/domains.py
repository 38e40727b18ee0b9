"""REST of domains and their concepts."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import parsers, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agi_site.lib.api.fields import RowSerializer
from agi_site.lib.api.json_fields import JSONObjectField
from agi_site.lib.api.viewsets import SharedReadOnlyViewSet, SharedViewSet

from .. import formats, services
from ..concepts import ConceptKind
from ..models import (
    ConceptRelation,
    DomainOntology,
    KnowledgeDomain,
)
from .rows import ChangedSerializer


class KnowledgeDomainSerializer(ChangedSerializer):
    class Meta:
        model = KnowledgeDomain
        fields = [
            "id",
            "name",
            "title",
            "description",
            "iri",
            "concept_count",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "concept_count", "created_by", "created_at", "updated_at"]
        extra_kwargs: ClassVar[dict[str, Any]] = {"name": {"validators": []}}

    def create(self, validated_data: dict[str, Any]) -> KnowledgeDomain:
        given = {name: value or "" for name, value in validated_data.items()}
        return services.add_domain(by=self.person, **given)

    def update(self, instance: KnowledgeDomain, validated_data: dict[str, Any]) -> KnowledgeDomain:
        fixed = {"name", "iri"} & validated_data.keys()
        if fixed:
            raise serializers.ValidationError({name: ["This cannot be changed."] for name in fixed})
        given = {name: value or "" for name, value in validated_data.items()}
        return services.change_domain(domain=instance, by=self.person, **given)


class ImportSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="OWL, RDF or SKOS as RDF/XML, Turtle or N-Triples; or CSV.")
    domain = serializers.CharField(max_length=100)
    replace = serializers.BooleanField(default=False, help_text="Remove concepts that the file lacks.")


class ImportedSerializer(serializers.Serializer[Any]):
    domain = KnowledgeDomainSerializer()
    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    removed = serializers.IntegerField()


class KnowledgeDomainViewSet(SharedViewSet):
    """Fields of knowledge with concepts of their own."""

    queryset = KnowledgeDomain.objects.order_by("-pk")
    serializer_class = KnowledgeDomainSerializer
    filterset_fields = {"name": ["exact"]}
    ordering_fields = ["id", "name", "created_at"]

    def perform_destroy(self, instance: KnowledgeDomain) -> None:
        services.delete_domain(domain=instance, by=self.request.user)

    @extend_schema(request={"multipart/form-data": ImportSerializer}, responses={200: ImportedSerializer})
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[parsers.MultiPartParser])
    def import_file(self, request: Request) -> Response:
        """Read an ontology from a file into a domain, which is made if it is missing."""
        asked = ImportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        done = services.import_file(
            by=request.user,
            domain=given["domain"],
            name=given["file"].name,
            data=given["file"].read(formats.limits.MOST_BYTES + 1),
            replace=given["replace"],
        )
        return Response(ImportedSerializer(done).data)

    @extend_schema(
        parameters=[OpenApiParameter("to", enum=list(formats.WRITTEN), default="owl")],
        responses={(200, kind): OpenApiTypes.BINARY for kind, _ending in formats.WRITTEN.values()},
    )
    @action(detail=True)
    def export(self, request: Request, pk: str) -> HttpResponse:
        """The domain's concepts as a file: OWL (RDF/XML), Turtle, SKOS or CSV."""
        return exported(self.get_object(), request.query_params.get("to", "owl"))


def exported(domain: KnowledgeDomain, to: str) -> HttpResponse:
    """A domain as a download."""
    data = services.export_domain(domain=domain, to=to)
    kind, ending = formats.WRITTEN[to]
    response = HttpResponse(data, content_type=f"{kind}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="ontology.{ending}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


class RelationshipSerializer(serializers.Serializer[Any]):
    type = serializers.CharField(max_length=255)
    target = serializers.CharField(max_length=255)


class DomainOntologySerializer(ChangedSerializer):
    # not many=True: that would let null stand in the list, too
    relationships = serializers.ListField(child=RelationshipSerializer(), required=False, allow_null=True)
    attributes = JSONObjectField(
        required=False,
        allow_null=True,
        help_text='"kind" (class, relation, attribute, individual), "labels", "iri", and others',
    )
    definition = serializers.CharField(allow_blank=True, max_length=20_000)

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
        validators: list[Any] = []  # the service says it as a conflict

    def create(self, validated_data: dict[str, Any]) -> DomainOntology:
        return services.save_concept(
            by=self.person, domain=validated_data["domain"], concept=_draft(validated_data)
        )

    def update(self, instance: DomainOntology, validated_data: dict[str, Any]) -> DomainOntology:
        if validated_data.get("domain", instance.domain) != instance.domain:
            raise serializers.ValidationError({"domain": ["This cannot be changed."]})
        before = {
            "concept": instance.concept,
            "definition": instance.definition,
            "relationships": instance.relationships,
            "attributes": instance.attributes,
        }
        return services.save_concept(
            by=self.person, domain=instance.domain, concept=_draft(before | validated_data), row=instance
        )

    def to_representation(self, instance: DomainOntology) -> dict[str, Any]:
        told = super().to_representation(instance) if isinstance(instance.relationships, list) else None
        if told is None:  # relationships of another form than ours, written before there was one
            kept, instance.relationships = instance.relationships, None
            told = {**super().to_representation(instance), "relationships": None}
            instance.relationships = kept
        return told


def _draft(given: dict[str, Any]) -> Any:
    attributes = dict(given.get("attributes") or {})
    kind, labels, iri = (
        attributes.pop("kind", "class"),
        attributes.pop("labels", []),
        attributes.pop("iri", ""),
    )
    if kind not in ConceptKind.values or not isinstance(labels, list) or not isinstance(iri, str):
        raise serializers.ValidationError(
            {"attributes": ["“kind”, “labels” or “iri” is not as it should be."]}
        )
    pairs = given.get("relationships")
    return services.draft(
        name=given["concept"],
        kind=kind,
        definition=given["definition"],
        labels=[str(label) for label in labels],
        iri=iri,
        relationships=[(one["type"], one["target"]) for one in pairs] if isinstance(pairs, list) else [],
        attributes=attributes,
    )


class DomainOntologyViewSet(SharedViewSet):
    """A concept of a domain, its relationships and attributes."""

    queryset = DomainOntology.objects.order_by("-pk")
    serializer_class = DomainOntologySerializer
    filterset_fields = {"domain": ["exact"], "concept": ["exact"]}
    ordering_fields = ["id", "concept", "created_at"]

    def perform_destroy(self, instance: DomainOntology) -> None:
        services.delete_concept(row=instance, by=self.request.user)


class ConceptRelationSerializer(RowSerializer):
    class Meta:
        model = ConceptRelation
        fields = ["id", "concept", "domain", "type", "target"]
        read_only_fields = fields


class ConceptRelationViewSet(SharedReadOnlyViewSet):
    """Relationships of concepts, to be found from either end."""

    queryset = ConceptRelation.objects.order_by("-pk")
    serializer_class = ConceptRelationSerializer
    filterset_fields = {"concept": ["exact"], "domain": ["exact"], "target": ["exact"], "type": ["exact"]}
    ordering_fields = ["id"]
