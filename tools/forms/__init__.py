"""Forms of the tools' pages: arguments as their schema has them, decisions, rules."""

from .arguments import ArgumentsForm
from .decisions import DelegateForm, NoteForm
from .rules import ExplainForm, RuleForm

__all__ = ["ArgumentsForm", "DelegateForm", "ExplainForm", "NoteForm", "RuleForm"]
