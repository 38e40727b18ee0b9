"""Files where none may be written: the system, the runner, what other programs would run."""

import os

from kit import attempt


def put(folder):
    path = os.path.join(folder, "left-behind")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o755))
    os.unlink(path)
    return path


def change(path):
    os.close(os.open(path, os.O_WRONLY))
    return path


for name in ("/", "/etc", "/usr/bin", "/.agi", "/var", "/root"):
    attempt(f"create_in {name}", put, name)
attempt("change /etc/passwd", change, "/etc/passwd")
attempt("change the runner", change, "/.agi/runner.py")
attempt("rename the runner", lambda: os.rename("/.agi/runner.py", "/.agi/runner.py") or "renamed")
