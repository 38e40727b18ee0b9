"""Starter rows: a permission for every model and verb, the four roles, and the first administrator."""

import secrets
from collections.abc import Callable, Iterator

from django.apps import apps
from django.db import transaction
from django.utils.translation import gettext_noop

from agi_site.lib.owned import OwnedModel, SharedModel

from .models import ADMIN_ROLE, USER_ROLE, Permission, Role, RolePermission, User
from .services.trail import audit

ACTIONS = ("view", "add", "change", "delete")
VERBS = {"admin.access": gettext_noop("Enter the admin")}

# What the team's shared rows let a member do; one's own rows need no permission.
USER_MAY_WRITE = (
    "knowledge.knowledge",
    "knowledge.knowledgedocument",
    "knowledge.knowledgeimport",
    "knowledge.knowledgetag",
)
USER_MAY_VIEW = (
    *USER_MAY_WRITE,
    "adaptation.adaptationrule",
    "emotions.emotionalresponse",
    "emotions.empathymodel",
    "explanations.explanationtemplate",
    "learning.evaluationresult",
    "learning.modelversion",
    "learning.trainingjob",
    "reinforcement.rlaction",
    "reinforcement.rlagentstate",
    "reinforcement.rlepisode",
    "reinforcement.rlpolicy",
    "sandbox.sandboxtemplate",
    "tools.tool",
    "tools.toolparameter",
    "transfer.conceptrelation",
    "transfer.domainontology",
    "transfer.knowledgedomain",
    "transfer.knowledgemapping",
    "transfer.knowledgesource",
    "transfer.knowledgesourceitem",
    "transfer.transfermetric",
    "transfer.transfertask",
)
# An operator runs the house: the team's rows, and people; not what is one person's own.
OPERATOR_RUNS = ("accounts.user", "accounts.userrole", "accounts.role", "accounts.rolepermission")
# Of people's own things only what keeps the house safe: a sandbox can always be destroyed, a run ended and a
# schedule held, and somebody has to decide on what the scanner held back.
OPERATOR_MAY = (
    "sandbox.delete_sandbox",
    "sandbox.change_sandboxquarantine",
    "tools.approve",
    "planning.change_planexecution",
    "planning.change_planschedule",
)
OPERATOR_MAY_NOT = ("accounts.permission", "system.log", "system.monitoring", "system.healthcheck")

ROLES: dict[str, tuple[str, Callable[[str], bool]]] = {
    ADMIN_ROLE: (gettext_noop("May do everything."), lambda _name: True),
    "operator": (
        gettext_noop("Runs the house: enters the admin, sees everything, changes what the team shares."),
        lambda name: (
            name in VERBS or name in OPERATOR_MAY or _action(name) == "view" or _operator_writes(_model(name))
        ),
    ),
    USER_ROLE: (
        gettext_noop("Works with the assistant: own things, the team's knowledge, its tools and templates."),
        lambda name: (
            (_action(name) == "view" and _model(name) in USER_MAY_VIEW) or _model(name) in USER_MAY_WRITE
        ),
    ),
    "auditor": (
        gettext_noop("Sees everything in the admin and changes nothing."),
        lambda name: name == "admin.access" or _action(name) == "view",
    ),
}


@transaction.atomic
def load() -> str | None:
    """Store what is missing; returns what the operator has to be told once, if anything."""
    load_roles()
    return _first_admin()


@transaction.atomic
def load_roles() -> None:
    """Store the permissions and roles that are missing.

    Running it again gives roles only the permissions that are new since: what an operator took away stays
    away.
    """
    known = set(Permission.objects.values_list("name", flat=True))
    Permission.objects.bulk_create(
        Permission(name=name, description=description)
        for name, description in permissions()
        if name not in known
    )
    rows = list(Permission.objects.all())
    for role_name, (description, includes) in ROLES.items():
        role, created = Role.objects.get_or_create(name=role_name, defaults={"description": description})
        held = set(role.role_permissions.values_list("permission_id", flat=True))
        # A role that was made in passing (by createsuperuser, or a sign-up) is filled as if new.
        fresh = created or not (role.description or held)
        if fresh and not created:
            Role.objects.filter(pk=role.pk).update(description=description)
        RolePermission.objects.bulk_create(
            RolePermission(role=role, permission=row)
            for row in rows
            if includes(row.name) and row.pk not in held and (fresh or row.name not in known)
        )


def permissions() -> Iterator[tuple[str, str]]:
    """Name and description of each right: four for every table of ours, and the verbs that apps declare.

    An app declares verbs as `verbs = {"tools.run": "Run tools"}` on its AppConfig.
    """
    for model in apps.get_models():
        if not (issubclass(model, (OwnedModel, SharedModel)) or model is User):
            continue
        label, name = model._meta.app_label, model._meta.model_name
        for action in ACTIONS:
            yield f"{label}.{action}_{name}", f"{action} {model._meta.verbose_name_raw}"
    yield from VERBS.items()
    for config in apps.get_app_configs():
        yield from getattr(config, "verbs", {}).items()


def _action(name: str) -> str:
    return name.partition(".")[2].partition("_")[0]


def _model(name: str) -> str:
    app, _dot, codename = name.partition(".")
    return f"{app}.{codename.partition('_')[2]}"


def _operator_writes(label: str) -> bool:
    if label in OPERATOR_MAY_NOT:
        return False
    model = next((m for m in apps.get_models() if m._meta.label_lower == label), None)
    return label in OPERATOR_RUNS or (model is not None and issubclass(model, SharedModel))


def _first_admin() -> str | None:
    """Make the account `admin` unless somebody holds the role already; returns its password."""
    if User.objects.filter(user_roles__role__name=ADMIN_ROLE).exists():
        return None
    if User.objects.filter(username="admin").exists():
        return None
    password = "-".join(secrets.token_hex(3) for _group in range(4))
    user = User.objects.create_superuser("admin", "admin@localhost", password)
    audit(f"made the first administrator: {user.username}", by=None)
    return (
        f"Sign in as  {user.username}  with the password  {password}\n"
        "It is shown this once: change it on your profile page."
    )
