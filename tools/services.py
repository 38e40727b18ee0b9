"""Running tools by name: what there is, whether the arguments fit, and the ledger of every run."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from agi_site.lib import plain_json, targets
from agi_site.lib.engines.base import ToolSpec
from agi_site.lib.problems import Conflict, NotFound

from . import registry, schemas
from .limits import TimeOver, run_within
from .models import Tool, ToolExecution, ToolExecutionStatus, ToolParameter
from .results import storable

logger = logging.getLogger(__name__)

MAX_ARGUMENT_TEXT = 100_000
ABANDONED_AFTER = timedelta(minutes=15)


def specs_for(user: Any) -> list[ToolSpec]:
    """The tools `user` may run now: switched on, and with an implementation behind the row."""
    rows = Tool.objects.runnable_by(user).with_parameters().order_by("name")
    return [
        ToolSpec(row.name, row.description or "", schemas.json_schema(row.parameters.all()))
        for row in rows
        if registry.get(row.name)
    ]


def run_tool(
    *,
    user: Any,
    name: str,
    arguments: dict[str, Any],
    conversation_id: str | None = None,
    message_id: str | None = None,
    language: str = "en",
    stopped: Callable[[], bool] = lambda: False,
) -> ToolExecution:
    """Run a tool for `user` and return its ledger row, `completed` or `failed`; a failing tool never raises.

    What was asked wrongly raises before anything is written: NotFound (no such tool), Conflict (switched off
    or without implementation), Invalid (the arguments, named one by one). `message_id` (or else
    `conversation_id`) is kept as the trigger. Answer and error texts are in `language`; `stopped` is asked
    while the tool runs.
    """
    with translation.override(language):
        tool, implementation = _runnable(user=user, name=name)
        arguments = _checked(tool=tool, arguments=arguments)
        execution = _open(
            tool=tool,
            user=user,
            arguments=arguments,
            trigger=_trigger(user=user, conversation_id=conversation_id, message_id=message_id),
        )
        if not _move(execution, ToolExecutionStatus.RUNNING, started_at=timezone.now()):
            return execution
        call = registry.ToolContext(
            user=user,
            execution_id=execution.pk,
            conversation_id=conversation_id,
            language=language,
            deadline=registry.deadline_in(implementation.timeout),
            stopped=stopped,
        )
        result, error = _outcome(implementation, call, arguments)
        status = ToolExecutionStatus.FAILED if error else ToolExecutionStatus.COMPLETED
        _move(execution, status, result=result, error_message=error or None, completed_at=timezone.now())
        return execution


def sync_registry() -> int:
    """Bring the rows in line with the registered tools and return their number; `enabled` stays as it is."""
    found = registry.implementations()
    with transaction.atomic(), translation.override("en"):
        for implementation in found:
            _sync(implementation)
    return len(found)


def set_enabled(*, tool: Tool, enabled: bool) -> Tool:
    """Switch a tool on or off for everyone."""
    tool.enabled = enabled
    tool.save(update_fields=["enabled", "updated_at"])
    return tool


def fail_abandoned(*, older_than: timedelta = ABANDONED_AFTER) -> int:
    """Close the rows whose process died under them, and return their number.

    No host tool runs for as long as `older_than`, so what is still open then has nobody working on it.
    """
    limit = timezone.now() - older_than
    return int(
        ToolExecution.objects.unfinished()
        .filter(created_at__lt=limit)
        .update(
            status=ToolExecutionStatus.FAILED,
            error_message=_("The program stopped while this tool was running. Run it again."),
            completed_at=timezone.now(),
        )
    )


def _runnable(*, user: Any, name: str) -> tuple[Tool, registry.Implementation]:
    tool = Tool.objects.filter(name=name).with_parameters().first()
    if tool is None:
        message = _("There is no tool called “%(name)s”.")
        raise NotFound(message % {"name": name[:100]}, code="tool_not_found")
    if not tool.enabled:
        message = _("The tool “%(name)s” is switched off. An operator can switch it on.")
        raise Conflict(message % {"name": name}, code="tool_disabled")
    implementation = registry.get(name)
    if implementation is None:
        message = _("The tool “%(name)s” is not available in this installation.")
        raise Conflict(message % {"name": name}, code="tool_unavailable")
    return tool, implementation


def _checked(*, tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    plain_json.check(arguments, field="arguments", max_text=MAX_ARGUMENT_TEXT)
    return schemas.checked(list(tool.parameters.all()), arguments)


def _trigger(*, user: Any, conversation_id: str | None, message_id: str | None) -> tuple[str, str] | None:
    named = ("message", message_id) if message_id else ("conversation", conversation_id)
    if named[1] is None:
        return None
    targets.resolve(target_type=named[0], target_id=named[1], user=user)
    return named[0], named[1]


def _open(
    *, tool: Tool, user: Any, arguments: dict[str, Any], trigger: tuple[str, str] | None
) -> ToolExecution:
    trigger_type, trigger_id = trigger or (None, None)
    return ToolExecution.objects.create(
        tool=tool, user=user, parameters=arguments, trigger_type=trigger_type, trigger_id=trigger_id
    )


def _move(execution: ToolExecution, to: str, **values: Any) -> bool:
    """Move the row and the instance together; False when somebody else has ended it meanwhile."""
    if not ToolExecution.objects.move(pk=execution.pk, to=to, **values):
        execution.refresh_from_db()
        return False
    for name, value in {"status": to, **values}.items():
        setattr(execution, name, value)
    return True


def _outcome(
    implementation: registry.Implementation, call: registry.ToolContext, arguments: dict[str, Any]
) -> tuple[Any, str]:
    """What the tool gave, in the form that is stored, and the error for people, one of the two empty."""
    try:
        return storable(run_within(implementation, call, arguments)), ""
    except registry.ToolFailure as failure:
        return None, str(failure)
    except TimeOver:
        if call.stopped():
            return None, _("The tool was stopped.")
        message = _("The tool took longer than %(seconds)s seconds and was given up.")
        return None, message % {"seconds": f"{implementation.timeout:g}"}
    except Exception as error:
        logger.exception("Tool %s failed in execution %s", implementation.name, call.execution_id)
        message = _("The tool failed with an error of its own (%(error)s). The log has the details.")
        return None, message % {"error": type(error).__name__}


def _sync(implementation: registry.Implementation) -> None:
    tool, _created = Tool.objects.update_or_create(
        name=implementation.name,
        defaults={
            "description": str(implementation.description),
            "category": implementation.category,
            "version": implementation.version,
            "exec_env": implementation.exec_env,
        },
    )
    tool.parameters.exclude(name__in=[parameter.name for parameter in implementation.parameters]).delete()
    for parameter in implementation.parameters:
        ToolParameter.objects.update_or_create(
            tool=tool, name=parameter.name, defaults=schemas.row_values(parameter)
        )
