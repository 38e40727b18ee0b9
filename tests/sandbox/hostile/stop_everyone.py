"""Stops everything this user may reach for good, itself last: an execution that never ends by itself."""

import os
import signal

os.kill(-1, signal.SIGSTOP)
os.kill(0, signal.SIGSTOP)
