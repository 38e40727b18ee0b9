"""What a rated answer teaches: the question it was given to, and the answer."""

from __future__ import annotations

from learning.registry import Example

from .models import AnswerStatus, Message, MessageRole


def example_of_answer(answer: Message) -> Example | None:
    """The exchange a rated answer belongs to; None for anything but a complete answer."""
    if answer.role != MessageRole.ASSISTANT or answer.status != AnswerStatus.COMPLETE:
        return None
    question = Message.objects.filter(pk=answer.facts.get("reply_to")).light().first()
    if question is None:
        return None
    return Example(
        type="conversation",
        input_data={"message": question.content},
        output_data={"answer": answer.content},
        metadata={
            "engine": answer.engine,
            "model": answer.model,
            "citations": answer.citations,
            "tools": [entry["name"] for entry in answer.tools],
        },
    )
