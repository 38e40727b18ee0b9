"""Running tools by name: what there is, who may, after whose consent, and the ledger of every run."""

from .access import explain_access
from .approvals import approve, ask, delegate_to, expire_approvals, reject
from .batches import End, Opened, close_many, open_many, run_opened, settle_lost
from .calls import Call
from .catalogue import change_limits, set_enabled, specs_for, sync_registry
from .ending import cancel_execution, finish_execution
from .forgetting import forget_the_gone, take_out_memories
from .lookup import Lookup
from .policies import change_policy, create_policy, remove_policy
from .recovery import close_abandoned
from .running import repeat_execution, run_execution, run_tool, start_tool

__all__ = [
    "Call",
    "End",
    "Lookup",
    "Opened",
    "approve",
    "ask",
    "cancel_execution",
    "change_limits",
    "change_policy",
    "close_abandoned",
    "close_many",
    "create_policy",
    "delegate_to",
    "expire_approvals",
    "explain_access",
    "finish_execution",
    "forget_the_gone",
    "open_many",
    "reject",
    "remove_policy",
    "repeat_execution",
    "run_execution",
    "run_opened",
    "run_tool",
    "set_enabled",
    "settle_lost",
    "specs_for",
    "start_tool",
    "sync_registry",
    "take_out_memories",
]
