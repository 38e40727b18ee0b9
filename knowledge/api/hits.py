"""What a search is asked, and how it answers."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from agi_site.lib.problems import Invalid

from .. import options, search


class QuerySerializer(serializers.Serializer[Any]):
    """What stands in an address after `?`; an unknown name is refused, for it may be a slip in a filter's."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        known = {"known": ", ".join(sorted(self.fields))}
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            message = _("There is no such parameter here. There are: %(known)s.") % known
            raise Invalid(errors={name: [message] for name in sorted(unknown)})
        return attrs


class AskedSerializer(QuerySerializer):
    """What a search may say."""

    q = serializers.CharField(max_length=options.LONGEST_QUERY, help_text="Words, or a question.")
    limit = serializers.IntegerField(min_value=1, max_value=50, default=8)


class PieceSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    marked = serializers.BooleanField(help_text="Whether it answers the query.")


class HitSerializer(serializers.Serializer[Any]):
    """A row found, with how well it answers."""

    id = serializers.CharField()
    kind = serializers.CharField(help_text="knowledge or memory")
    title = serializers.CharField()
    content = serializers.CharField()
    score = serializers.FloatField(help_text="From 0 to 1.")
    parts = serializers.DictField(
        child=serializers.FloatField(),
        help_text="What the score is made of: text, vector, rerank; memories: importance, recency, use.",
    )
    highlights = serializers.SerializerMethodField(help_text="Excerpts, as pieces of text.")
    source = serializers.CharField()  # type: ignore[assignment]

    @extend_schema_field(serializers.ListField(child=PieceSerializer(many=True)))
    def get_highlights(self, hit: search.Hit) -> list[list[dict[str, Any]]]:
        return [[{"text": text, "marked": marked} for text, marked in pieces] for pieces in hit.highlights]


class FoundSerializer(serializers.Serializer[Any]):
    """The rows found, best first."""

    query = serializers.CharField()
    results = HitSerializer(many=True)


def found(query: str, hits: list[search.Hit]) -> Response:
    return Response(FoundSerializer({"query": query, "results": hits}).data)
