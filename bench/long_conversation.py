"""First token in a conversation of 10,000 messages, beside one of 10."""

import os
import subprocess
import sys

from bench.first_token import site_first_token
from bench.report import Figure, percentiles, told
from bench.site import ROOT, Site, running_site

ROUNDS = 25
FILL = """
import django; django.setup()
import sys
from conversations.models import Conversation, Message
conversation = Conversation.objects.get(pk=sys.argv[1])
rows = [
    Message(conversation=conversation, role="user" if i % 2 == 0 else "assistant",
            content=f"Message {i}: the report of week {i}: project {i % 97} needs {i % 13} more days.",
            metadata={"status": "complete"} if i % 2 else {})
    for i in range(int(sys.argv[2]))
]
Message.objects.bulk_create(rows, batch_size=1000)
"""


def fill(site: Site, conversation: str, count: int) -> None:
    """Store `count` messages in a conversation, as if they had been said."""
    environment = os.environ | {
        "DATA_DIR": str(site.data_dir),
        "DATABASE_URL": f"sqlite:///{site.data_dir}/agi.sqlite3",
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "agi_site.settings",
    }
    subprocess.run(
        [sys.executable, "-c", FILL, conversation, str(count)], cwd=ROOT, env=environment, check=True
    )


def measure() -> list[Figure]:
    """The same question in a short and in a long conversation, in turn."""
    short_times, long_times = [], []
    with running_site() as site:
        short, long = site.conversation(), site.conversation()
        fill(site, short, 10)
        fill(site, long, 10_000)
        for conversation in (short, long):
            site_first_token(site, conversation, "Hello, this one warms up.")
        for number in range(ROUNDS):
            text = f"What did we say about week {number}?"
            short_times.append(site_first_token(site, short, text))
            long_times.append(site_first_token(site, long, text))
    ratio = percentiles(long_times)[0] / percentiles(short_times)[0]
    return [
        Figure(
            "first token, 10,000 messages against 10 (p50 / p95)",
            told(long_times),
            told(short_times),
            f"{ratio:.2f} ×",
            "at most 1.15 ×",
        )
    ]
