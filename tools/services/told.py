"""Telling people's own programs (webhooks) how runs and questions went, in the transaction of the change."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import transaction

from system.services import webhooks

from ..models import Approval, ToolExecution


def together(execution: ToolExecution, status: str) -> AbstractContextManager[Any]:
    """A transaction for an end and what is told of it; none where nobody listens, which saves its cost."""
    event = f"tool_execution.{status}"
    return (
        transaction.atomic() if webhooks.is_heard(user_id=execution.user_id, event=event) else nullcontext()
    )


def tell_state(execution: ToolExecution) -> None:
    """Tell the state that a run has come to, as `tool_execution.<status>`."""
    event = f"tool_execution.{execution.status}"
    if not webhooks.is_heard(user_id=execution.user_id, event=event):
        return
    data = {
        "id": execution.pk,
        "tool": execution.tool.name,
        "status": str(execution.status),
        "error_code": execution.error_code,
        "error_message": execution.error_message,
        "trigger_type": execution.trigger_type,
        "trigger_id": execution.trigger_id,
    }
    webhooks.emit(user_id=execution.user_id, event=event, data=data)


def tell_approval(approval: Approval) -> None:
    """Tell that consent is asked for (`approval.pending`), or how that ended."""
    data = {
        "id": approval.pk,
        "title": approval.title,
        "status": str(approval.status),
        "target_type": approval.target_type,
        "target_id": approval.target_id,
    }
    webhooks.emit(user_id=approval.user_id, event=f"approval.{approval.status}", data=data)
