"""What people fill in about sandboxes; the rules themselves stand in the services and in `policy`."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .models import Sandbox, SandboxTemplate
from .policy.limits import CEILING, FLOOR, LIVE, MB, NAMES, OPTIONAL, Limits
from .word_lines import read_rules, read_variables, write_rules
from .words import LIMITS

PORT = re.compile("[0-9]{1,5}")
HOUR = 3600
DAY = 24 * HOUR
EXPIRIES = [
    ("", _("Never")),
    (str(HOUR), _("In an hour")),
    (str(DAY), _("In a day")),
    (str(7 * DAY), _("In a week")),
    (str(30 * DAY), _("In 30 days")),
]
KEPT = "kept"  # no change of when it expires
CODE = {"spellcheck": "false", "autocomplete": "off", "autocapitalize": "off", "class": "mono"}
# The unit in which people fill in a limit, and its size in the unit that is kept.
UNITS = {
    "cpu_limit": (1, _("percent of one processor")),
    "memory_limit": (MB, _("MB")),
    "disk_limit": (MB, _("MB")),
    "network_limit": (1024, _("KB a second")),
    "timeout": (60, _("minutes")),
    "pids_limit": (1, ""),
    "open_files": (1, ""),
    "tmp_limit": (MB, _("MB")),
    "shm_limit": (MB, _("MB")),
    "execution_timeout": (1, _("seconds")),
    "output_limit": (1024, _("KB")),
    "idle_timeout": (60, _("minutes")),
}
NETWORKS = [
    ("none", _("No network at all")),
    ("some", _("Only what is allowed below")),
    ("open", _("The public internet, except what is denied below")),
]


def _range(name: str) -> dict[str, int]:
    """What a field takes of a limit, in its unit: what the service takes too."""
    size = UNITS[name][0]
    return {
        "min_value": max(1, -(-getattr(FLOOR, name) // size)),
        "max_value": getattr(CEILING, name) // size,
    }


def _in_unit(value: int, size: int) -> int:
    """A limit in its unit, and never 0, which no field takes: the form of the other limits would be stuck."""
    return max(1, value // size)


# --- Sandboxes --------------------------------------------------------------
class NameForm(forms.Form):
    """A name alone."""

    name = forms.CharField(label=_("Name"), max_length=100, required=False)


RenameForm = CloneForm = NameForm


class SnapshotForm(forms.Form):
    """A name for a snapshot."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": _("before the upgrade")}),
    )


class SnapshotSandboxForm(NameForm):
    """The template and the name of a sandbox that is made with the files of a snapshot."""

    template = forms.ModelChoiceField(
        label=_("Template"), queryset=SandboxTemplate.objects.filter(is_active=True), empty_label=None
    )
    field_order = ("template", "name")


class ExtendForm(forms.Form):
    """When it expires."""

    seconds = forms.ChoiceField(label=_("Expires"), choices=EXPIRIES, required=False)

    def __init__(self, *args: Any, now: str = "", **options: Any) -> None:
        """`now` is when it does already, in words: that stays unless something else is chosen."""
        super().__init__(*args, **options)
        if now:
            field: Any = self.fields["seconds"]
            field.choices, field.initial = [(KEPT, now), *EXPIRIES], KEPT

    def changes(self) -> bool:
        """Whether something else was chosen than what is."""
        return bool(self.cleaned_data["seconds"] != KEPT)

    def clean_seconds(self) -> int | str | None:
        """Seconds from now, None for never, KEPT for no change."""
        chosen = self.cleaned_data["seconds"]
        return int(chosen) if chosen.isdigit() else chosen or None


class CreateForm(forms.Form):
    """A sandbox of a template, with what differs from the template."""

    name = forms.CharField(label=_("Name"), max_length=100, required=False)
    cpu_limit = forms.IntegerField(
        label=_("Processor"), help_text=UNITS["cpu_limit"][1], **_range("cpu_limit")
    )
    memory_limit = forms.IntegerField(
        label=pgettext_lazy("computer", "Memory"),
        help_text=UNITS["memory_limit"][1],
        **_range("memory_limit"),
    )
    disk_limit = forms.IntegerField(
        label=_("Files"), help_text=UNITS["disk_limit"][1], **_range("disk_limit")
    )
    expires_in = forms.ChoiceField(
        label=_("Expires"), choices=[("", _("As the template has it")), *EXPIRIES[1:]], required=False
    )
    published = forms.CharField(
        label=_("Ports on this machine"),
        required=False,
        help_text=_(
            "Bound to the host's loopback address: 8000, 5432. Others are opened later, through the site."
        ),
    )
    LIMITS = ("cpu_limit", "memory_limit", "disk_limit")

    def __init__(self, *args: Any, defaults: Limits | None = None, **kwargs: Any) -> None:
        """Show the template's own limits first."""
        self.defaults = defaults or Limits()
        initial = {name: getattr(self.defaults, name) // UNITS[name][0] for name in self.LIMITS}
        super().__init__(*args, initial=initial | kwargs.pop("initial", {}), **kwargs)

    def clean_published(self) -> list[int]:
        """The ports as numbers."""
        words = self.cleaned_data["published"].replace(",", " ").split()
        if not all(PORT.fullmatch(word) and 0 < int(word) < 65536 for word in words):
            raise forms.ValidationError(_("Ports are numbers from 1 to 65535."))
        return [int(word) for word in words]

    def wishes(self) -> dict[str, Any]:
        """What `services.create_sandbox` takes; limits only where they differ from the template's."""
        given = self.cleaned_data
        chosen = {name: given[name] * UNITS[name][0] for name in self.LIMITS}
        return {
            "name": given["name"],
            "limits": {
                name: value for name, value in chosen.items() if value != getattr(self.defaults, name)
            },
            "ports": [
                {"container_port": port, "protocol": "tcp", "published": True} for port in given["published"]
            ],
            "expires_in": int(given["expires_in"]) if given["expires_in"] else None,
        }


# --- Executions, ports, files ------------------------------------------------
class RunForm(forms.Form):
    """A command or a code cell, where the sandbox has Python for one."""

    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[("command", _("Shell command")), ("cell", _("Python"))],
        initial="command",
        widget=forms.RadioSelect,
    )
    text = forms.CharField(
        label=_("What to run"),
        strip=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 4, "data-code": "", **CODE}),
        error_messages={"required": _("Write what is to be run.")},
    )
    session = forms.CharField(
        label=_("Python session"),
        max_length=64,
        required=False,
        help_text=_("Cells of one session share their variables; empty starts afresh each time."),
    )
    working_dir = forms.CharField(
        label=_("Working directory"), max_length=255, required=False, help_text=_("Empty is the workspace.")
    )
    timeout = forms.IntegerField(
        label=_("Time limit"), required=False, min_value=1, help_text=_("seconds; empty is the sandbox's own")
    )
    env = forms.CharField(
        label=_("Environment"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "NAME=value", **CODE}),
        help_text=_("One variable a line, besides those of the sandbox."),
    )
    stdin = forms.CharField(
        label=_("Input"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2, **CODE})
    )
    stdin_open = forms.BooleanField(
        label=_("Keep the input open, to write more while it runs"), required=False
    )

    def __init__(self, *args: Any, languages: Collection[str] = (), **options: Any) -> None:
        """`languages` is what the sandbox's template says it offers; nothing is no word about it."""
        super().__init__(*args, **options)
        if languages and "python" not in languages:
            self.fields["kind"].choices = self.fields["kind"].choices[:1]
            del self.fields["session"]

    def clean_env(self) -> dict[str, str]:
        """The lines as variables."""
        return _variables(self.cleaned_data["env"], {})


def _variables(text: str, kept: Mapping[str, str]) -> dict[str, str]:
    try:
        return read_variables(text, kept)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


class PortForm(forms.Form):
    """A port to be reached through the site."""

    container_port = forms.IntegerField(
        label=_("Port"), min_value=1, max_value=65535, widget=forms.NumberInput(attrs={"placeholder": "8000"})
    )
    description = forms.CharField(label=_("What it is"), max_length=255, required=False)


class FolderForm(forms.Form):
    """The name of a new folder or file."""

    name = forms.CharField(label=_("Name"), max_length=255)


class MoveForm(forms.Form):
    """Another path for a file or folder."""

    target = forms.CharField(label=_("New path"), max_length=255, widget=forms.TextInput(attrs=CODE))


class TextForm(forms.Form):
    """A text in the editor."""

    text = forms.CharField(
        label=_("Text"),
        required=False,
        strip=False,
        max_length=4 << 20,
        widget=forms.Textarea(attrs={"rows": 24, "data-code": "", "wrap": "off", **CODE}),
    )

    def clean_text(self) -> str:
        """Browsers send CR LF; files of a sandbox have LF."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


# --- Limits and policy --------------------------------------------------------
class LimitsForm(forms.Form):
    """All limits of a sandbox, in units for people."""

    def __init__(self, *args: Any, sandbox: Sandbox, **kwargs: Any) -> None:
        """One field per limit, as it is now."""
        super().__init__(*args, **kwargs)
        self.now = _limits_now(sandbox)
        for name in NAMES:
            size, unit = UNITS[name]
            value = self.now[name]
            notes = [str(unit)] if unit else []
            if name not in LIVE:
                notes.append(gettext("changes by a restart"))
            self.fields[name] = forms.IntegerField(
                label=LIMITS[name],
                required=value is not None,
                initial=None if value is None else _in_unit(value, size),
                help_text=", ".join(notes),
                **_range(name),
            )

    def wishes(self) -> dict[str, int | None]:
        """The limits that were changed, in the units that are kept."""
        found = {}
        for name in self.changed_data:
            value = self.cleaned_data[name]
            found[name] = None if value is None else value * UNITS[name][0]
        return found


def _limits_now(sandbox: Sandbox) -> dict[str, int | None]:
    row, default = getattr(sandbox, "resource", None), Limits()
    now = {name: getattr(row, name, None) for name in NAMES}
    return {
        name: getattr(default, name) if value is None and name not in OPTIONAL else value
        for name, value in now.items()
    }


class NetworkForm(forms.Form):
    """Whom a sandbox may talk to."""

    mode = forms.ChoiceField(label=_("Network"), choices=NETWORKS, widget=forms.RadioSelect)
    allow = forms.CharField(
        label=_("Allow"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "api.example.org:443", **CODE}),
        help_text=_("One a line: a name or an address or a range, then a port and tcp or udp if wanted."),
    )
    deny = forms.CharField(
        label=_("Deny"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "203.0.113.0/24", **CODE}),
        help_text=_("Wins over what is allowed."),
    )

    def __init__(self, *args: Any, sandbox: Sandbox, **kwargs: Any) -> None:
        """The policy as it is now."""
        policy = dict(getattr(getattr(sandbox, "security", None), "network_policy", None) or {})
        mode = "open" if policy.get("default") == "allow" else "some" if policy.get("allow") else "none"
        now = {
            "mode": mode,
            "allow": write_rules(policy.get("allow")),
            "deny": write_rules(policy.get("deny")),
        }
        super().__init__(*args, initial=now, **kwargs)

    def clean_allow(self) -> list[dict[str, Any]]:
        """The lines as rules."""
        return _rules(self.cleaned_data["allow"])

    def clean_deny(self) -> list[dict[str, Any]]:
        """The lines as rules."""
        return _rules(self.cleaned_data["deny"])

    def clean(self) -> dict[str, Any]:
        """A policy that allows only what is named has to name something."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("mode") == "some" and not given.get("allow") and "allow" not in self.errors:
            self.add_error("allow", _("Name what may be reached, or choose no network."))
        return given

    def wishes(self) -> dict[str, Any]:
        """What `services.change_policy` takes."""
        given = self.cleaned_data
        if given["mode"] == "none":
            return {"network_policy": {"default": "deny", "allow": [], "deny": given["deny"]}}
        default = "allow" if given["mode"] == "open" else "deny"
        return {"network_policy": {"default": default, "allow": given["allow"], "deny": given["deny"]}}


def _rules(text: str) -> list[dict[str, Any]]:
    try:
        return read_rules(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


class SyscallForm(forms.Form):
    """Which list of system calls."""

    profile = forms.ChoiceField(
        label=_("System calls"),
        choices=[
            ("default", _("Usual: what ordinary programs need")),
            ("strict", _("Strict: less than that")),
        ],
        widget=forms.RadioSelect,
        help_text=_("Changes by a restart that keeps the files."),
    )

    def __init__(self, *args: Any, sandbox: Sandbox, **kwargs: Any) -> None:
        """The profile as it is now; names that an operator or a program added stay."""
        self.policy = dict(getattr(getattr(sandbox, "security", None), "syscall_policy", None) or {})
        super().__init__(*args, initial={"profile": self.policy.get("profile") or "default"}, **kwargs)

    def wishes(self) -> dict[str, Any]:
        """What `services.change_policy` takes."""
        return {"syscall_policy": self.policy | {"profile": self.cleaned_data["profile"]}}


class EnvironmentForm(forms.Form):
    """The environment of what is run; values are never shown again."""

    variables = forms.CharField(
        label=_("Variables"),
        required=False,
        strip=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "API_KEY=…", **CODE}),
        help_text=_("NAME=value, one a line. A name alone keeps its value; a line taken away removes it."),
    )

    def __init__(self, *args: Any, sandbox: Sandbox, **kwargs: Any) -> None:
        """The names as they are now."""
        env: Mapping[str, str] = getattr(getattr(sandbox, "security", None), "env_variables", None) or {}
        self.kept = dict(env)
        super().__init__(*args, initial={"variables": "\n".join(sorted(self.kept))}, **kwargs)

    def clean_variables(self) -> dict[str, str]:
        """The lines as variables."""
        return _variables(self.cleaned_data["variables"], self.kept)

    def wishes(self) -> dict[str, str]:
        """What `services.change_environment` takes."""
        found: dict[str, str] = self.cleaned_data["variables"]
        return found
