"""What people and programs may do with conversations; every door calls these."""

from .conversations import (
    archive,
    delete_conversation,
    rename,
    set_memory_enabled,
    start_conversation,
    unarchive,
)
from .pictures import (
    MOST_PICTURES,
    drop_picture,
    let_go,
    let_go_of_unsent,
    take_picture,
    unsent_pictures,
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
    "MOST_PICTURES",
    "Found",
    "Turn",
    "archive",
    "branch_off",
    "delete_conversation",
    "drop_picture",
    "edit_and_resend",
    "export_conversation",
    "import_conversations",
    "let_go",
    "let_go_of_unsent",
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
    "take_picture",
    "unarchive",
    "unsent_pictures",
]
