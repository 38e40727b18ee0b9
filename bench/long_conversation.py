"""First token in a conversation of 10,000 messages, beside one of 10."""

import statistics

from bench.first_token import site_first_token
from bench.report import Figure, told
from bench.site import Site, each_kind

ROUNDS = 25
# The long one has its summary, as it would have by now: it is brought forward while a conversation grows.
FILL = """
import sys
from conversations.models import Conversation, Message
conversation, count = Conversation.objects.get(pk=sys.argv[1]), int(sys.argv[2])
rows = [
    Message(conversation=conversation, role="user" if i % 2 == 0 else "assistant",
            content=f"Message {i}: the report of week {i}: project {i % 97} needs {i % 13} more days.",
            metadata={"status": "complete", "reply_to": ""} if i % 2 else None)
    for i in range(count)
]
Message.objects.bulk_create(rows, batch_size=500)
if count > 100:
    conversation.metadata = {"summary": {"text": "They spoke of the weekly reports.", "upto": rows[-50].pk}}
    conversation.save(update_fields=["metadata"])
"""


def measure() -> list[Figure]:
    """The same question in a short and in a long conversation, in turn, each first every other time."""
    return [_figure(site) for site in each_kind()]


def _figure(site: Site) -> Figure:
    sizes = {10: site.conversation(), 10_000: site.conversation()}
    times: dict[int, list[float]] = {size: [] for size in sizes}
    for size, conversation in sizes.items():
        site.django(FILL, conversation, str(size))
        site_first_token(site, conversation, "Hello, this one warms up.")
    for number in range(ROUNDS):
        text = f"What did we say about week {number}?"
        for size in sorted(sizes, reverse=bool(number % 2)):
            times[size].append(site_first_token(site, sizes[size], text))
    # of neighbours, so that a machine that grows busier or calmer meanwhile does not count
    ratio = statistics.median(long / short for long, short in zip(times[10_000], times[10], strict=True))
    return Figure(
        f"first token among 10,000 messages, {site.kind}",
        told(times[10_000]),
        f"{told(times[10])} (among 10)",
        f"{ratio:.2f} × (median of pairs)",
        "at most 1.15 ×",
    )
