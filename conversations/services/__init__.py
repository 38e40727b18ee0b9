"""What people and programs may do with conversations; every door calls these."""

from .conversations import (
    archive,
    delete_conversation,
    rename,
    set_memory_enabled,
    start_conversation,
    unarchive,
)
from .rating import rate_message
from .runs import run_code
from .search import Found, search_conversations
from .sending import (
    MAX_MESSAGE_LENGTH,
    Turn,
    edit_and_resend,
    post_message,
    regenerate,
    start_with_message,
    stop_turn,
)
from .transcripts import (
    branch_off,
    export_conversation,
    import_conversations,
    markdown_of,
    store_transcripts,
)

__all__ = [
    "MAX_MESSAGE_LENGTH",
    "Found",
    "Turn",
    "archive",
    "branch_off",
    "delete_conversation",
    "edit_and_resend",
    "export_conversation",
    "import_conversations",
    "markdown_of",
    "post_message",
    "rate_message",
    "regenerate",
    "rename",
    "run_code",
    "search_conversations",
    "set_memory_enabled",
    "start_conversation",
    "start_with_message",
    "stop_turn",
    "store_transcripts",
    "unarchive",
]
