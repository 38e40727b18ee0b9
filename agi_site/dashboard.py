"""The admin's first page: what matters now. Every figure is bounded: none scans a big table."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Session
from agi_site.unfold import domains
from conversations.models import Message
from system.models import Log, TaskQueue, TaskStatus
from system.services.health import latest_health

COUNTED = 10_000
SHOWN = 6
DAY = timedelta(days=1)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: figures, failed tasks, newest errors, health, and the tables by domain."""
    tasks = TaskQueue.objects.for_user(request.user).defer("payload", "result")
    logs = Log.objects.for_user(request.user).recent(DAY).filter(level__in=("error", "fatal"))
    failed = tasks.filter(status=TaskStatus.FAILED)
    sees_health = request.user.has_perm("system.view_healthcheck")
    return context | {
        "figures": _figures(request, tasks, failed),
        "failed_tasks": failed.order_by("-created_at")[:SHOWN],
        "errors": logs.order_by("-timestamp")[:SHOWN],
        "health": latest_health() if sees_health else [],
        "domains": domains(request),
    }


def _figures(
    request: HttpRequest, tasks: QuerySet[Any, Any], failed: QuerySet[Any, Any]
) -> list[dict[str, Any]]:
    """The numbers on top, those the person's roles let them see."""
    figures = []
    day_ago = timezone.now() - DAY
    if request.user.has_perm("conversations.view_message"):
        answers = Message.objects.filter(role="assistant", created_at__gte=day_ago)
        link = reverse("admin:conversations_message_changelist")
        figures.append(_figure(_("Answers in 24 hours"), answers, link))
    if request.user.has_perm("accounts.view_session"):
        sessions = Session.objects.filter(last_active__gte=day_ago)
        people = sessions.order_by().values("user").distinct()
        link = reverse("admin:accounts_session_changelist")
        figures.append(
            _figure(_("People active in 24 hours"), people, reverse("admin:accounts_session_changelist"))
        )
    if request.user.has_perm("system.view_taskqueue"):
        queue = reverse("admin:system_taskqueue_changelist")
        waiting = tasks.filter(status=TaskStatus.PENDING, available_at__lte=timezone.now())
        figures.append(_figure(_("Tasks waiting"), waiting, f"{queue}?status__exact=pending"))
        figures.append(
            _figure(_("Tasks failed"), failed, f"{queue}?status__exact=failed")
            | {"is_alarm": failed.exists()}
        )
    return figures


def _figure(name: Any, rows: QuerySet[Any, Any], link: str) -> dict[str, Any]:
    if not rows.query.values_select:
        rows = rows.order_by().values("pk")
    count = rows[: COUNTED + 1].count()
    return {"name": name, "value": f"{COUNTED:,}+" if count > COUNTED else f"{count:,}", "link": link}
