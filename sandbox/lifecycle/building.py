"""Images built on a host from an operator's Dockerfile, with their log told line by line."""

import threading
import time

from django.utils import timezone

from agi_site.lib import events
from system.queue import TaskRun

from ..channels import build_channel
from ..engine import EngineError
from ..models import BuildStatus, SandboxHost, SandboxImage, SandboxImageBuild
from . import hosts
from .engines import engine_of

LONGEST_LOG = 1_000_000
STORED_EVERY = 1.0


class _Log:
    """The log of a build: told at once, stored every second, its beginning kept."""

    def __init__(self, build: SandboxImageBuild) -> None:
        self._build, self._text, self._stored_at = build, "", time.monotonic()
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


def build(task: TaskRun, *, build_id: str, host_id: str) -> None:
    """Build it; the row says how that ended."""
    row = SandboxImageBuild.objects.select_related("image").filter(pk=build_id).first()
    host = SandboxHost.objects.filter(pk=host_id).first()
    if row is None or host is None or row.status not in {BuildStatus.QUEUED, BuildStatus.RUNNING}:
        return
    SandboxImageBuild.objects.filter(pk=row.pk).update(status=BuildStatus.RUNNING)
    log = _Log(row)
    try:
        image_id, fault = engine_of(host).build_image(row.dockerfile, str(row.image), log.add)
    except EngineError as error:
        image_id, fault = "", str(error)
    if fault:
        log.add(fault)
    log.store()
    status = BuildStatus.FAILED if fault else BuildStatus.SUCCEEDED
    SandboxImageBuild.objects.filter(pk=row.pk).update(
        status=status, digest=image_id or None, completed_at=timezone.now()
    )
    if image_id:
        SandboxImage.objects.filter(pk=row.image_id).update(digest=image_id, updated_at=timezone.now())
        hosts.look(host)
    events.publish(build_channel(str(row.pk)), "ended", {"status": str(status), "digest": image_id})
