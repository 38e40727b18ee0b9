"""REST of knowledge, memory and context."""

from .context import ContextViewSet
from .documents import KnowledgeDocumentViewSet, KnowledgeImportViewSet
from .knowledge import KnowledgeTagViewSet, KnowledgeViewSet
from .memory import MemoryQuestionViewSet, MemoryRefusalViewSet, MemoryRelationViewSet, MemoryViewSet
from .own import router_entries as own_entries

router_entries = [
    ("knowledge", KnowledgeViewSet),
    ("knowledge-documents", KnowledgeDocumentViewSet),
    ("knowledge-imports", KnowledgeImportViewSet),
    ("knowledge-tags", KnowledgeTagViewSet),
    ("memories", MemoryViewSet),
    ("memory-relations", MemoryRelationViewSet),
    ("memory-refusals", MemoryRefusalViewSet),
    ("memory-questions", MemoryQuestionViewSet),
    ("contexts", ContextViewSet),
    *own_entries,
]
