"""The product's own sandbox: made by the engine with a template's defaults, its runner runs the programs."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.agent.stream import Attachment, Channel, Ended, Faulted, Output
from sandbox.engine import DockerHost, InstanceSpec
from sandbox.policy.limits import Limits

from .boxes import Outcome, argv, cell_code, processes_of


class Running:
    """An execution under way."""

    def __init__(self) -> None:
        self.streams = {"stdout": bytearray(), "stderr": bytearray()}
        self.channel: Channel | None = None
        self._news = threading.Condition()

    def __call__(self, event: Any) -> None:
        if isinstance(event, Output):
            with self._news:
                self.streams[event.stream] += event.data
                self._news.notify_all()
            if self.channel is not None:
                self.channel.ack(event.offset + len(event.data))

    def wait_for(self, text: bytes, timeout: float = 20) -> bool:
        with self._news:
            return self._news.wait_for(lambda: text in self.streams["stdout"], timeout)

    def outcome(self, timeout: float = 60) -> Outcome:
        """What came of it; AssertionError if it does not end."""
        assert self.channel is not None
        end = self.channel.wait(timeout)
        self.channel.close()
        out, err = (bytes(stream) for stream in self.streams.values())
        if isinstance(end, Ended):
            return Outcome(out, err, end.exit_code, end.signal, end.cause, dict(end.usage))
        assert isinstance(end, Faulted), end
        return Outcome(out, end.message.encode(), cause=end.code)

    def cancel(self) -> None:
        assert self.channel is not None
        self.channel.kill()


class ProductBox:
    """A sandbox with a template's defaults: `Limits()`, no network, the default filter."""

    def __init__(self, host: DockerHost, image: str, **spec: Any) -> None:
        self.host, self.instance = host, uuid.uuid4().hex
        self.limits = Limits()
        self.container = host.create(self.instance, InstanceSpec(image=image, **spec))
        self.attachment: Attachment | None = None

    def open(self, **options: Any) -> "ProductBox":
        stream = self.host.attach(self.container)
        self.host.start(self.instance, **options)
        self.attachment = Attachment(stream, True, name=self.instance)
        self.attachment.hello(20)
        return self

    def command(self, *command: str, **options: Any) -> Running:
        assert self.attachment is not None
        running = Running()
        defaults = {
            "timeout": 60,
            "output_limit": self.limits.output_limit,
            "open_files": self.limits.open_files,
        }
        running.channel = self.attachment.open(
            "exec", key=uuid.uuid4().hex, on_event=running, argv=list(command), **defaults | options
        )
        return running

    def launch(self, name: str, given: Any = None, **options: Any) -> Running:
        return self.command(*argv(name, given), **options)

    def run(self, name: str, given: Any = None, **options: Any) -> Outcome:
        return self.launch(name, given, **options).outcome()

    def cell(self, name: str, given: Any = None, **options: Any) -> Running:
        """The same program as code of a cell."""
        return self.code(cell_code(name, given), **options)

    def code(self, code: str, session: str = "", **options: Any) -> Running:
        """A cell."""
        assert self.attachment is not None
        running = Running()
        running.channel = self.attachment.open(
            "cell", key=uuid.uuid4().hex, on_event=running, code=code, session=session, **options
        )
        return running

    def shell(self, text: str) -> str:
        return self.command("sh", "-c", text).outcome(20).stdout.decode(errors="replace").strip()

    def works(self) -> bool:
        """Whether the sandbox goes on: PID 1 is the same and answers, and a new command runs, all at once."""
        assert self.attachment is not None
        began = time.monotonic()
        said = self.shell("echo still here")
        return said == "still here" and time.monotonic() - began < 5 and not self.attachment.closed.is_set()

    def left(self) -> list[str]:
        """The processes of the sandbox's user, seen from the host."""
        return [line for line in processes_of(self.host.url, self.container) if " 1000 " in line]

    def left_after(self, seconds: float = 3) -> list[str]:
        """The same, once there are none, or the time is over."""
        end = time.monotonic() + seconds
        while (left := self.left()) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def request(self, op: str, **args: Any) -> dict[str, Any]:
        assert self.attachment is not None
        return self.attachment.request(op, **args)

    def remove(self) -> None:
        if self.attachment is not None:
            self.attachment.close()
        self.host.remove(self.instance)


@contextmanager
def product_box(
    host: DockerHost, image: str, start: dict[str, Any] | None = None, **spec: Any
) -> Iterator[ProductBox]:
    box = ProductBox(host, image, **spec)
    try:
        yield box.open(**start or {})
    finally:
        box.remove()
