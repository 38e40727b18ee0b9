"""Knowledge, memory and the context of a session (the seed's section 5.5)."""

from .context import Context
from .documents import (
    BUSY,
    DOCUMENT_MOVES,
    DocumentKind,
    DocumentStatus,
    KnowledgeDocument,
    KnowledgeImport,
)
from .knowledge import Knowledge, KnowledgeLock, KnowledgeSearch, KnowledgeTag
from .memory import (
    Memory,
    MemoryQuestion,
    MemoryRefusal,
    MemoryRelation,
    MemorySearch,
    MemoryType,
    QuestionAnswer,
    RefusalReason,
    RelationType,
    shorten,
)
from .settings import MemoryImport, MemoryImportStatus, MemorySetting
from .vectors import KnowledgeNextVector, MemoryNextVector, NextVector, VectorSet

__all__ = [
    "BUSY",
    "DOCUMENT_MOVES",
    "Context",
    "DocumentKind",
    "DocumentStatus",
    "Knowledge",
    "KnowledgeDocument",
    "KnowledgeImport",
    "KnowledgeLock",
    "KnowledgeNextVector",
    "KnowledgeSearch",
    "KnowledgeTag",
    "Memory",
    "MemoryImport",
    "MemoryImportStatus",
    "MemoryNextVector",
    "MemoryQuestion",
    "MemoryRefusal",
    "MemoryRelation",
    "MemorySearch",
    "MemorySetting",
    "MemoryType",
    "NextVector",
    "QuestionAnswer",
    "RefusalReason",
    "RelationType",
    "VectorSet",
    "shorten",
]
