"""Everything in one process: web server, Celery worker on an in-memory broker, scheduler.

The full stack runs the same three as processes of their own (docker-compose.yml); only settings differ.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from celery import Celery, signals
from celery.beat import Scheduler, Service
from celery.worker import WorkController, state

logger = logging.getLogger(__name__)

QUEUES = ["default", "sandbox", "training"]  # and one of each host of sandboxes
# A turn waits for its model most of the time, so a few may share one processor.
WORKER_THREADS = 4
SECONDS_TO_END = 3.5  # Ctrl-C is promised to end everything within 5 s, on a busy machine too


class MemoryScheduler(Scheduler):
    """Celery's scheduler without its file: what is due stands in the settings, nothing else changes it."""

    def setup_schedule(self) -> None:
        self.merge_inplace(self.app.conf.beat_schedule)


def queues() -> list[str]:
    """Every queue there is."""
    from django.conf import settings

    return [*QUEUES, *(f"sandbox.{name}" for name in settings.SANDBOX_HOSTS)]


class PortTaken(OSError):
    """Another program listens on the wanted port."""


def open_port(host: str, port: int) -> socket.socket:
    """Bind `host:port` now, so that a taken port is told before anything else starts; raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTaken(str(error)) from error
    return listener


class Background:
    """The worker and the scheduler, each in a thread of this process."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        # It sleeps for as long as nothing is due, at most a second, so that it can be told to end.
        self.beat = Service(app, max_interval=1, scheduler_cls=MemoryScheduler)
        self.ending = False
        self.failed = False

    def start(self) -> None:
        """Start both threads."""
        for name, target in (("Worker", self._work), ("Beat", self.beat.start)):
            threading.Thread(target=self._guard, args=[target], name=name, daemon=True).start()

    def _guard(self, target: Callable[[], None]) -> None:
        """Run until told to end. Pages whose work nobody does would only look alive."""
        try:
            target()
        except Exception:
            logger.exception("%s failed", threading.current_thread().name)
        if not self.ending:
            self.failed = True
            os.kill(os.getpid(), signal.SIGTERM)

    def _work(self) -> None:
        # Nobody outside this process can reach a broker in memory, so nobody can send remote commands either.
        self.app.conf.worker_enable_remote_control = False
        WorkController(
            app=self.app,
            hostname="embedded@localhost",
            pool_cls="threads",
            concurrency=WORKER_THREADS,
            queues=queues(),
            loglevel=logging.getLogger().level,
            # only Celery's own program announces this, and the queue's keeper waits for it
            ready_callback=lambda consumer: signals.worker_ready.send(sender=consumer),
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        ).start()

    def stop(self, seconds: float) -> bool:
        """Let running tasks end within `seconds`; returns whether they did. The queue re-opens the others."""
        from system.queue import stop_residents

        self.ending = True
        self.beat.stop()
        stop_residents(seconds / 2)  # at once: others may follow what runs in the containers
        state.should_stop = 0  # type: ignore[assignment]
        deadline = time.monotonic() + seconds
        while state.active_requests and time.monotonic() < deadline:
            time.sleep(0.05)
        return not state.active_requests


class Server(uvicorn.Server):
    """uvicorn that tells when it answers, so that the first page does not wait for the worker's imports."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Write the hot queries, begin to listen, then call `on_ready`."""
        from . import ahead

        await asyncio.to_thread(ahead.write_queries)
        await super().startup(sockets)
        self.on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Leave in good order, and at the latest after SECONDS_TO_END."""
        deadline = threading.Timer(SECONDS_TO_END, os._exit, [0])
        deadline.daemon = True
        deadline.start()
        # Streams that are cut off now are no error: their readers come back by themselves.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)


class WorkFailed(RuntimeError):
    """The worker or the scheduler ended by itself."""


def serve(listener: socket.socket, app: Celery, on_ready: Callable[[], None]) -> None:
    """Serve pages on `listener` and work in the background until SIGINT or SIGTERM; raises WorkFailed."""
    background = Background(app)
    # WhiteNoise gives static files to ASGI from a plain iterator, which is fine for small ones.
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

    def ready() -> None:
        background.start()
        on_ready()

    config = uvicorn.Config(
        "agi_site.asgi:application",
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=1,  # open event streams would hold it for ever
    )
    # uvicorn raises the signal again when it has left; the background still has to end after that.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ignore)
    Server(config, ready).run(sockets=[listener])
    ended = background.stop(SECONDS_TO_END - 2)
    sys.stdout.flush()
    sys.stderr.flush()
    if background.failed:
        raise WorkFailed
    if not ended:  # a task still runs in a thread that Python would wait for
        os._exit(0)


def _ignore(_number: int, _frame: Any) -> None:
    """Do nothing."""
