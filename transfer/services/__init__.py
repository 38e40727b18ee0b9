"""What every door calls: domains and concepts, sources, mappings, transfer tasks."""

from .mappings import (
    add_mapping,
    change_mapping,
    delete_mapping,
    explain,
    find_mappings,
    propose_mappings,
    review_mapping,
    review_surest,
)
from .ontologies import (
    Imported,
    add_domain,
    change_domain,
    concepts_of,
    delete_concept,
    delete_domain,
    draft,
    export_domain,
    import_file,
    import_ontology,
    mirror,
    save_concept,
)
from .sources import add_source, change_source, delete_source, queue_due, read_source, sync_source
from .storing import tag_of
from .transfers import compared, delete_transfer, run_transfer, start_transfer

__all__ = [
    "Imported",
    "add_domain",
    "add_mapping",
    "add_source",
    "change_domain",
    "change_mapping",
    "change_source",
    "compared",
    "concepts_of",
    "delete_concept",
    "delete_domain",
    "delete_mapping",
    "delete_source",
    "delete_transfer",
    "draft",
    "explain",
    "export_domain",
    "find_mappings",
    "import_file",
    "import_ontology",
    "mirror",
    "propose_mappings",
    "queue_due",
    "read_source",
    "review_mapping",
    "review_surest",
    "run_transfer",
    "save_concept",
    "start_transfer",
    "sync_source",
    "tag_of",
]
