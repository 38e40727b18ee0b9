"""PID 1 of a sandbox: reads frames, lets processes do the work, sends what they say, reaps and kills.

It has no thread and nothing in it blocks. It is root with few capabilities, runs no code of the sandbox, and
holds the only descriptors of the stream: what runs as another user can neither write frames nor read them.
"""

# ruff: noqa: PTH110 -- PID 1 stays small: pathlib is not loaded
from __future__ import annotations

import gc
import os
import select
import struct
import sys

from sandbox import wire
from sandbox.runner import kernel, messages
from sandbox.runner.channels import Channel, FileOp, Tunnel
from sandbox.runner.executions import Cell, Command, Execution
from sandbox.runner.link import Link, Loop, say, say_error
from sandbox.runner.small import signal, socket, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

REFILL = 0.02  # seconds after which used spares are replaced, so that it delays nothing
STUCK = 5  # seconds for a process of ours to take what it is sent
MAX_CHANNELS = 1024
SHELLS = ("/bin/bash", "/usr/bin/bash", "/bin/sh")
FILE_OPS = frozenset(
    {"list", "stat", "read", "write", "mkdir", "delete", "move", "archive", "extract", "manifest", "watch"}
)
WORKSPACE = "/workspace"


class Refused(Exception):
    """A request that cannot be; `args` are its code and a sentence."""


class Child:
    """A process forked from this one, and the channel it works for."""

    def __init__(self, pid: int, sock: socket.socket, hand: socket.socket | None = None) -> None:
        self.pid, self.sock = pid, sock
        self.hand = hand  # to the process it forked ahead of time, which only has to become a command
        self.inbox, self.outbox = messages.Inbox(sock), messages.Outbox(sock)
        self.channel: Channel | None = None
        self.cells: dict[int, Channel] = {}  # the nest works for many


class Runner:
    """The loop, the stream, the channels and the children."""

    def __init__(self, *, privileged: bool = False) -> None:
        self.privileged = privileged
        self.boot = os.urandom(8).hex()
        self.channels: dict[int, Channel] = {}
        self.children: dict[int, Child] = {}
        self.spares: list[Child] = []
        self.nest: Child | None = None
        self.warm_waiting: list[Channel] = []
        self._last_channel = 0
        self._parts: dict[int, bytearray] = {}
        self.loop = Loop()
        self._wake, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self.loop.watch(self._wake, select.EPOLLIN, self._woken)
        self.link = Link(self.loop)
        self.link.on_frame = self.frame
        self.link.on_room = self.room

    def run(self) -> NoReturn:
        """For ever."""
        self.loop.later("refill", 0, self.refill)
        while True:
            try:
                self.loop.turn()
                self.link.flush()
            except MemoryError:
                gc.collect()
            except Exception:
                say_error()

    # --- children

    def fork(self, *, hand: bool = False) -> Child:
        """A process that waits for what to do; OSError at the limit of processes."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        hands = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM) if hand else None
        try:
            pid = os.fork()
        except OSError:
            for sock in (ours, theirs, *(hands or ())):
                sock.close()
            raise
        if not pid:
            self._become_child(theirs, hands[1] if hands else None)
        theirs.close()
        if hands:
            hands[1].close()
        child = Child(pid, ours, hands[0] if hands else None)
        ours.setblocking(True)
        self.children[pid] = child
        self.loop.watch(ours.fileno(), select.EPOLLIN, lambda _events: self._heard(child))
        return child

    def _become_child(self, sock: socket.socket, hand: socket.socket | None) -> NoReturn:
        try:
            self.loop.close()
            signal.set_wakeup_fd(-1)
            last = 2
            for fd in sorted(kept.fileno() for kept in (sock, hand) if kept is not None):
                os.closerange(last + 1, fd)
                last = fd
            os.closerange(last + 1, 65536)
            null = os.open("/dev/null", os.O_RDWR)
            for number in (0, 1):
                os.dup2(null, number)
            os.close(null)
            from sandbox.runner import work

            work.serve(sock, hand, privileged=self.privileged)
        except SystemExit:
            os._exit(1)
        except BaseException:
            say_error()
            os._exit(1)
        os._exit(0)

    def spare(self, *, hand: bool = False) -> Child:
        """A waiting process, with a hand if there is such a one, or a new one; Refused at the limit."""
        self.loop.later("refill", REFILL, self.refill)
        self.spares.sort(key=lambda child: (child.hand is not None) == hand)
        if self.spares:
            return self.spares.pop()
        try:
            return self.fork()
        except OSError:
            text = "There are too many processes in the sandbox to start another."
            raise Refused("no_processes", text) from None

    def refill(self) -> None:
        """Processes for what comes next: first one for a command, a moment later one for the rest."""
        missing = {True, False} - {child.hand is not None for child in self.spares}
        if not missing:
            return
        try:
            self.spares.append(self.fork(hand=True in missing))
            self.loop.later("refill", REFILL, self.refill)
        except OSError:
            self.loop.later("refill", 1, self.refill)

    def drop_hand(self, child: Child) -> None:
        """It is not needed: it ends by itself."""
        if child.hand is not None:
            child.hand.close()
            child.hand = None

    def tell(self, child: Child, message: dict[str, Any], files: tuple[int, ...] = ()) -> None:
        """Send a process of ours something, without waiting for it; OSError if it is gone.

        One that takes nothing for STUCK seconds is killed, with what it looks after.
        """
        waited = child.outbox.size
        try:
            child.outbox.put(message, files)
        except OSError:
            self.end_child(child.pid)
            raise
        if child.outbox.size and not waited:
            self.loop.later((child, "stuck"), STUCK, lambda: self.end_child(child.pid))
            both = select.EPOLLIN | select.EPOLLOUT
            self.loop.watch(child.sock.fileno(), both, lambda events: self._ready(child, events))

    def _ready(self, child: Child, events: int) -> None:
        """One that had not taken everything takes more, or says something."""
        before = child.outbox.size
        with suppress(OSError):  # it is gone: that is noticed soon
            child.outbox.flush()
        if not child.outbox.size:
            self.loop.cancel((child, "stuck"))
            self.loop.watch(child.sock.fileno(), select.EPOLLIN, lambda _events: self._heard(child))
        elif child.outbox.size < before:
            self.loop.later((child, "stuck"), STUCK, lambda: self.end_child(child.pid))
        if events & ~select.EPOLLOUT:
            self._heard(child)

    def end_child(self, pid: int) -> None:
        """Kill a process of ours if it is still there."""
        if pid in self.children:
            kernel.send_signal(pid, signal.SIGKILL)

    def _woken(self, _events: int) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            child = self.children.pop(pid, None)
            if child is not None:
                self._ended(child, status)

    def _ended(self, child: Child, status: int) -> None:
        self._heard(child)
        self.loop.forget(child.sock.fileno())
        self.loop.cancel((child, "stuck"))
        child.outbox.close()
        child.sock.close()
        self.drop_hand(child)
        if child in self.spares:
            self.spares.remove(child)
            self.loop.later("refill", REFILL, self.refill)
        if status:
            # what it watched over is ours now: nothing of it goes on
            known = set(self.children)
            kernel.kill_tree(lambda: kernel.descendants({1}, but=known), lambda: self._reap_orphans(known))
        if child is self.nest:
            self.nest = None
        for channel in [child.channel, *child.cells.values()]:
            if channel is not None:
                channel.gone()

    def _reap_orphans(self, known: set[int]) -> None:
        for pid, parent in kernel.parents().items():
            if parent == 1 and pid not in known:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _heard(self, child: Child) -> None:
        child.sock.setblocking(False)
        alive = child.inbox.receive()
        if child.pid in self.children:
            child.sock.setblocking(True)
        if not alive:
            self.loop.forget(child.sock.fileno())
        while (message := child.inbox.next()) is not None:
            channel = child.channel
            if "cell" in message:
                channel = child.cells.get(message.get("cell", -1))
                if "exit" in message or "fault" in message:
                    child.cells.pop(message.get("cell", -1), None)
            if channel is not None:
                channel.message(message)

    # --- frames

    def frame(self, found: wire.Frame) -> None:
        """One frame of the caller; what is wrong with it is the caller's to know."""
        kind, number, payload = found
        try:
            if kind == wire.PART:
                parts = self._parts.setdefault(number, bytearray())
                parts += payload
                if len(parts) > wire.MAX_JSON or len(self._parts) > MAX_CHANNELS:
                    raise Refused("too_long", "The message is too long.")
            elif kind == wire.HELLO:
                self.hello(wire.from_json(payload))
            elif kind == wire.OPEN:
                parts = self._parts.pop(number, bytearray())
                self.open(number, wire.from_json(bytes(parts) + payload))
            elif number in self.channels:
                self._deliver(self.channels[number], kind, payload)
        except Refused as refused:
            code, message = refused.args
            self._fault(number, code, message)
        except (ValueError, KeyError, TypeError, struct.error) as error:
            self._fault(number, "bad_request", f"{type(error).__name__}: {error}")
        except OSError as error:
            self._fault(number, "failed", str(error))
        except Exception as error:  # the frames after it must be heard
            say_error()
            self._fault(number, "bad_request", f"{type(error).__name__}: {error}")

    def _fault(self, number: int, code: str, message: str) -> None:
        channel = self.channels.get(number)
        if channel is not None:
            channel.conclude(wire.FAULT, {"code": code, "message": message})
        elif number:
            self.link.put(wire.json_frames(wire.FAULT, number, {"code": code, "message": message}))

    def _deliver(self, channel: Channel, kind: int, payload: bytes) -> None:
        if kind == wire.DATA:
            channel.data(payload)
        elif kind == wire.EOF:
            channel.eof()
        elif kind == wire.ACK:
            channel.ack(wire.OFFSET.unpack(payload)[0])
        elif kind == wire.RESUME:
            channel.resume(wire.OFFSET.unpack(payload)[0])
        elif kind == wire.SIGNAL:
            channel.signal(int(wire.from_json(payload)["signal"]))
        elif kind == wire.KILL:
            channel.kill(str(wire.from_json(payload).get("cause", "cancelled")))
        elif kind == wire.RESIZE:
            size = wire.from_json(payload)
            channel.resize(int(size["cols"]), int(size["rows"]))
        elif kind == wire.CLOSE:
            channel.close()

    def hello(self, greeting: dict[str, Any]) -> None:
        """A new caller: it learns which executions there are; requests of the last one are dropped."""
        nonce = bytes.fromhex(greeting["nonce"])
        self.link.restart()
        self._parts.clear()
        for channel in list(self.channels.values()):
            if channel.durable:
                channel.paused = True
                channel.update()
            else:
                channel.close()
        known = [channel.describe() for channel in self.channels.values() if isinstance(channel, Execution)]
        self.link.put(nonce)
        sync = {
            "nonce": nonce.hex(),
            "boot": self.boot,
            "channels": known,
            "last_channel": self._last_channel,
            "info": self.info(),
        }
        self.link.put(wire.json_frames(wire.SYNC, 0, sync))

    def room(self) -> None:
        """The stream takes bytes again."""
        for channel in list(self.channels.values()):
            channel.update()

    def info(self) -> dict[str, Any]:
        """What there is to know about this runner."""
        return {
            "version": 1,
            "privileged": self.privileged,
            "spares": len(self.spares),
            "channels": len(self.channels),
            "processes": len(kernel.parents()),
        }

    # --- operations

    def open(self, number: int, args: dict[str, Any]) -> None:
        """Begin what a new channel is for."""
        if number <= self._last_channel or len(self.channels) >= MAX_CHANNELS:
            raise Refused("bad_channel", "This channel cannot be opened.")
        self._last_channel = number
        op, key = str(args.pop("op")), str(args.pop("key", ""))
        if key and any(channel.key == key for channel in self.channels.values()):
            raise Refused("known", "This execution is here already.")
        if op in {"exec", "terminal"}:
            command = Command(self, number, op, key)
            self.channels[number] = command
            command.start(self.spare(hand=True), self._argv(args))
        elif op == "cell":
            cell = Cell(self, number, op, key)
            self.channels[number] = cell
            nest = self.warmed()
            nest.cells[number] = cell
            cell.start(nest, args)
        elif op in FILE_OPS:
            file_op = FileOp(self, number, op, key)
            self.channels[number] = file_op
            file_op.begin(self.spare(), args)
        elif op == "tunnel":
            tunnel = Tunnel(self, number, op, key)
            self.channels[number] = tunnel
            tunnel.begin(int(args["port"]))
        else:
            channel = Channel(self, number, op, key)
            self.channels[number] = channel
            channel.conclude(wire.ANSWER, self.answer(op, args))

    def answer(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        """Requests that need no other process."""
        if op == "usage":
            return kernel.usage(WORKSPACE)
        if op == "info":
            return self.info()
        if op == "warm":
            self.warmed(args.get("imports"))
            return {}
        if op == "end_session":
            if self.nest is not None:
                self.tell(self.nest, {"end_session": str(args["session"])})
            return {}
        if op == "kill_all":
            running = [c for c in self.channels.values() if isinstance(c, Execution) and c.running()]
            for execution in running:
                execution.kill(str(args.get("cause", "cancelled")))
            return {"killed": len(running)}
        raise Refused("no_such_op", f"There is no operation {op!r}.")

    def _argv(self, args: dict[str, Any]) -> dict[str, Any]:
        argv = args.get("argv")
        if not argv:
            shell = next((path for path in SHELLS if os.path.exists(path)), SHELLS[-1])
            argv = [shell, "-c", args["shell"]] if args.get("shell") is not None else [shell]
        if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
            raise Refused("bad_request", "argv is a list of texts.")
        return args | {"argv": argv}

    def warmed(self, imports: list[str] | None = None) -> Child:
        """The process that looks after the cells, started at the first use."""
        if self.nest is None or self.nest.pid not in self.children:
            self.nest = self.spare()
            self.drop_hand(self.nest)
            self.tell(self.nest, {"nest": imports or []})
        return self.nest


def main() -> NoReturn:
    """The entry point."""
    privileged = "--privileged" in sys.argv[1:]
    if not privileged:
        kernel.protect_self()
    else:
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    os.umask(0o022)
    with suppress(OSError):
        os.chdir("/")
    import sandbox.runner.work  # noqa: F401

    gc.freeze()
    gc.enable()
    say("ready")
    Runner(privileged=privileged).run()
