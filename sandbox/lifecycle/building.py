"""Images built on a host from an operator's Dockerfile, with their log told line by line."""

import threading
import time
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import events
from system.models import TaskQueue, TaskStatus
from system.queue import TaskRun

from ..channels import build_channel
from ..engine import EngineError
from ..models import BuildStatus, SandboxHost, SandboxImage, SandboxImageBuild
from . import hosts
from .engines import engine_of

LONGEST_LOG = 1_000_000
STORED_EVERY = 1.0
LOST_AFTER = timedelta(minutes=1)
OPEN = (BuildStatus.QUEUED, BuildStatus.RUNNING)


class _Log:
    """The log of a build: told at once, stored every second, its beginning kept."""

    def __init__(self, build: SandboxImageBuild) -> None:
        self._build, self._text, self._stored_at = build, build.log or "", time.monotonic()
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        line = line.rstrip("\n").replace("\0", "") + "\n"
        with self._lock:
            self._text = (self._text + line)[:LONGEST_LOG]
            # `at` is the length of the log up to here: a page knows by it what of this it shows already
            told = {"text": line, "at": len(self._text)}
            events.publish(build_channel(str(self._build.pk)), "log", told)
            due = time.monotonic() - self._stored_at > STORED_EVERY
        if due:
            self.store()

    def store(self) -> None:
        self._stored_at = time.monotonic()
        SandboxImageBuild.objects.filter(pk=self._build.pk).update(log=self._text)


def task_key(build_id: str) -> str:
    """The key of a build's task in the queue."""
    return f"sandbox.build:{build_id}"


def build(task: TaskRun, *, build_id: str, host_id: str) -> None:
    """Build it; the row says how that ended."""
    row = SandboxImageBuild.objects.select_related("image").filter(pk=build_id).first()
    host = SandboxHost.objects.filter(pk=host_id).first()
    if row is None or host is None or row.status not in OPEN:
        return
    SandboxImageBuild.objects.filter(pk=row.pk).update(status=BuildStatus.RUNNING)
    log = _Log(row)
    try:
        image_id, fault = engine_of(host).build_image(row.dockerfile, str(row.image), log.add)
    except EngineError as error:
        image_id, fault = "", str(error)
    except Exception:
        _end(row, log, fault=_("An unexpected error; the site's own log says more."))
        raise
    if image_id:
        SandboxImage.objects.filter(pk=row.image_id).update(digest=image_id, updated_at=timezone.now())
        hosts.look(host)
    _end(row, log, image_id=image_id, fault=fault)


def end_lost() -> int:
    """End builds whose task is gone (its worker died, or an operator canceled it); returns how many."""
    ended = 0
    for row in SandboxImageBuild.objects.filter(status__in=OPEN, created_at__lt=timezone.now() - LOST_AFTER):
        live = TaskQueue.objects.filter(
            unique_key=task_key(str(row.pk)), status__in=[TaskStatus.PENDING, TaskStatus.PROCESSING]
        )
        # asked again after its task was looked for: a build ends before its task does
        if not live.exists() and SandboxImageBuild.objects.filter(pk=row.pk, status__in=OPEN).exists():
            _end(row, _Log(row), fault=_("Its task was given up."))
            ended += 1
    return ended


def _end(row: SandboxImageBuild, log: _Log, *, image_id: str = "", fault: str = "") -> None:
    """Write down how a build ended, in its log as well, and tell those who follow it."""
    if fault:
        log.add(fault)
    log.store()
    status = BuildStatus.FAILED if fault else BuildStatus.SUCCEEDED
    SandboxImageBuild.objects.filter(pk=row.pk).update(
        status=status, digest=image_id or None, completed_at=timezone.now()
    )
    events.publish(build_channel(str(row.pk)), "ended", {"status": str(status), "digest": image_id})
