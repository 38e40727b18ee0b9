"""gunicorn: pages and REST of the full stack (WSGI). Threads wait for the database, processes use cores."""

import os
from typing import Any

bind = os.environ.get("WEB_BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_PROCESSES", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 20
# A process is replaced now and then, so that a slow leak never matters; the spread keeps them from going
# all at once.
max_requests = 5000
max_requests_jitter = 500
# Containers have little in /tmp; a heartbeat file on disk would block under load.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
accesslog = "-" if os.environ.get("ACCESS_LOG") == "1" else None
# Only the proxy reaches this port.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "*")
# Nobody steers a running container from inside, and its disk is read-only.
control_socket_disable = True


def post_worker_init(_worker: Any) -> None:
    """Called in each process, before it takes requests."""
    from agi_site import ahead

    ahead.write_queries()
