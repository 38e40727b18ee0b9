"""What every door calls: the life of sandboxes, what runs in them, their ports, templates and quotas."""

from .executions import (
    cancel_execution,
    open_terminal,
    run_cell,
    run_command,
    sandbox_to_run,
    send_input,
    wait_for,
)
from .hosts import activate_host, drain_host
from .once import run_once
from .origins import delete_sandboxes_of, sandbox_of
from .ports import add_port, remove_port
from .quotas import Quota, quota_of
from .sandboxes import (
    change_environment,
    change_limits,
    change_policy,
    clone_sandbox,
    create_sandbox,
    do_verb,
    extend_sandbox,
    rename_sandbox,
    sandbox_of_snapshot,
)
from .templates import (
    Defaults,
    add_template,
    allow_image,
    build_image,
    change_template,
    defaults_of,
    set_image_active,
)

__all__ = [
    "Defaults",
    "Quota",
    "activate_host",
    "add_port",
    "add_template",
    "allow_image",
    "build_image",
    "cancel_execution",
    "change_environment",
    "change_limits",
    "change_policy",
    "change_template",
    "clone_sandbox",
    "create_sandbox",
    "defaults_of",
    "delete_sandboxes_of",
    "do_verb",
    "drain_host",
    "extend_sandbox",
    "open_terminal",
    "quota_of",
    "remove_port",
    "rename_sandbox",
    "run_cell",
    "run_command",
    "run_once",
    "sandbox_of",
    "sandbox_of_snapshot",
    "sandbox_to_run",
    "send_input",
    "set_image_active",
    "wait_for",
]
