"""Python cells: run by the image's own interpreter (3.8 or later), so it stands alone and imports little.

Started once as a warmed process that only forks. Each fork is a cell or a session: it says hello, waits for
code, runs it with the files that came along as its standard streams, and, if it is a session, waits again.
"""

# Old interpreters, no import that can be spared, and code that must go on whatever the cell did.
# ruff: noqa: SIM105, SIM115, UP015, UP031, S110, S112, S307, T201
# mypy: ignore-errors
import array
import ast
import atexit
import gc
import json
import linecache
import os
import resource
import signal
import socket
import struct
import sys
import threading
import traceback
import types

LENGTH = struct.Struct("!I")
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
CO_COROUTINE = 0x80

try:
    import ctypes

    _prctl = ctypes.CDLL(None).prctl
except Exception:  # an interpreter without ctypes: what it leaves behind is ended a little earlier

    def _prctl(*_args):
        return -1


def send(sock, message):
    """One message: a length, then JSON."""
    data = json.dumps(message).encode()
    sock.sendall(LENGTH.pack(len(data)) + data)


def receive(sock):
    """The next message and the files that came with it; None at the end."""
    files, buffer = [], b""
    wanted = LENGTH.size
    while len(buffer) < wanted:
        data, rights, _flags, _address = sock.recvmsg(
            wanted - len(buffer), socket.CMSG_SPACE(8 * 4), socket.MSG_CMSG_CLOEXEC
        )
        for level, kind, value in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found = array.array("i")
                found.frombytes(value[: len(value) - len(value) % found.itemsize])
                files += found
        if not data:
            return None
        buffer += data
        if wanted == LENGTH.size and len(buffer) == wanted:
            wanted += LENGTH.unpack(buffer)[0]
    return json.loads(buffer[LENGTH.size :].decode()), files


def zygote(sock):
    """Fork cells for as long as the other side is there. Returns in the fork, with its socket."""
    _prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    gc.collect()
    gc.freeze()
    send(sock, {"ready": sys.version.split()[0]})
    while True:
        found = receive(sock)
        if found is None:
            os._exit(0)
        files = found[1]
        try:
            between = os.fork()
        except OSError:
            os.close(files[0])
            continue
        if not between:
            # forked twice, so that the cell belongs to the nest, which waits for it itself
            try:
                if os.fork():
                    os._exit(0)
            except OSError:
                os._exit(1)
            sock.close()
            return socket.socket(fileno=files[0])
        os.close(files[0])
        os.waitpid(between, 0)


class Cells:
    """The interpreter's state of one session, or of one fresh cell."""

    def __init__(self):
        self.before = sys.modules["__main__"]  # whose functions run on
        self.module = types.ModuleType("__main__")
        self.module.__dict__["__builtins__"] = __builtins__
        sys.modules["__main__"] = self.module
        self.count = 0
        self.null = os.open("/dev/null", os.O_RDWR)
        sys.stdin = open(0, "r", encoding="utf-8", errors="surrogateescape", closefd=False)
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr

    def run(self, request, files):
        """Run code; its exit code."""
        for number, fd in enumerate(files):
            os.dup2(fd, number, inheritable=True)
            os.close(fd)
        try:
            self.settle(request)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                return self.execute(request["code"])
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            traceback.print_exc(limit=0)
            return 130
        except BaseException:
            traceback.print_exc()
            return 1

    def settle(self, request):
        """Environment, folder and limits."""
        os.environ.update({str(k): str(v) for k, v in (request.get("env") or {}).items()})
        if request.get("cwd") or not self.count:
            os.chdir(request.get("cwd") or "/workspace")
        if request.get("open_files"):
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            limit = int(request["open_files"])
            limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    def execute(self, code):
        """Run it like a notebook's cell: the value of a last expression is shown."""
        self.count += 1
        name = "<cell %d>" % self.count
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        try:
            tree = ast.parse(code, name)
            last = None
            if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"):
                last = ast.Expression(tree.body.pop().value)
            self.evaluate(compile(tree, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
            if last is not None:
                sys.displayhook(self.evaluate(compile(last, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)))
        except SystemExit as leaving:
            return self.exit_code(leaving)
        except BaseException as error:
            self.show(error)
            return 130 if isinstance(error, KeyboardInterrupt) else 1
        finally:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except Exception:
                    pass
        return 0

    def evaluate(self, code):
        """Run code in the module, awaiting it if it awaits."""
        found = eval(code, self.module.__dict__)
        if code.co_flags & CO_COROUTINE:
            import asyncio

            return asyncio.run(found)
        return found

    def show(self, error):
        """The traceback, from the cell's own lines on; code that cannot be read has run none of them."""
        found = error.__traceback__
        names = [frame.f_code.co_filename for frame, _line in traceback.walk_tb(found)]
        own = [at for at, name in enumerate(names) if name.startswith("<cell ")]
        if not own and not isinstance(error, SyntaxError):
            own = [at for at, name in enumerate(names) if name != __cell_file__]
        for _frame in names[: own[0] if own else len(names)]:
            found = found.tb_next
        traceback.print_exception(type(error), error, found)

    def exit_code(self, leaving):
        """What sys.exit() was given, as a shell sees it."""
        if leaving.code is None:
            return 0
        if isinstance(leaving.code, int):
            return leaving.code & 0xFF
        print(leaving.code, file=sys.stderr)
        return 1

    def leave(self):
        """Nothing of the last cell's streams stays open."""
        for number in (0, 1, 2):
            os.dup2(self.null, number, inheritable=True)


def used():
    """What this process and its children used so far."""
    own, below = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_seconds": own.ru_utime + own.ru_stime + below.ru_utime + below.ru_stime,
        "peak_memory": max(own.ru_maxrss, below.ru_maxrss) * 1024,
        "read_bytes": (own.ru_inblock + below.ru_inblock) * 512,
        "write_bytes": (own.ru_oublock + below.ru_oublock) * 512,
    }


def finish(code):
    """End like an interpreter, without the time it takes to free what the kernel frees anyway."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
        code = code or 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    os._exit(code)


def live(sock):
    """A cell, or a session: to its end."""
    os.setsid()
    _prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock.sendall(b"H")
    cells = Cells()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    while True:
        found = receive(sock)
        if found is None:
            os._exit(0)
        request, files = found
        before = used()
        code = cells.run(request, files)
        if not request.get("session"):
            finish(code)
        cells.leave()
        after = used()
        usage = {name: after[name] - before[name] for name in after if name != "peak_memory"}
        send(sock, {"done": code, "usage": dict(usage, peak_memory=after["peak_memory"])})


def main(fd, imports):
    """The entry point: `imports` are loaded before anything is forked."""
    for name in imports:
        try:
            __import__(name)
        except Exception:
            continue
    live(zygote(socket.socket(fileno=fd)))


__cell_file__ = main.__code__.co_filename
