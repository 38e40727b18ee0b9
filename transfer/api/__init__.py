"""REST resources of transfer."""

from .domains import ConceptRelationViewSet, DomainOntologyViewSet, KnowledgeDomainViewSet, exported
from .mappings import KnowledgeMappingViewSet
from .sources import KnowledgeSourceItemViewSet, KnowledgeSourceViewSet
from .tasks import TransferMetricViewSet, TransferTaskViewSet

__all__ = ["exported", "router_entries"]

router_entries = [
    ("knowledge-sources", KnowledgeSourceViewSet),
    ("knowledge-source-items", KnowledgeSourceItemViewSet),
    ("knowledge-mappings", KnowledgeMappingViewSet),
    ("knowledge-domains", KnowledgeDomainViewSet),
    ("domain-ontologies", DomainOntologyViewSet),
    ("concept-relations", ConceptRelationViewSet),
    ("transfer-tasks", TransferTaskViewSet),
    ("transfer-metrics", TransferMetricViewSet),
]
