"""The admin's look: name, colours, and its tables grouped by domain in the order of the schema."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

# Domain (app), its name for people, a Material symbol; in the schema's order.
DOMAINS: list[tuple[str, Any, str]] = [
    ("accounts", _("People and rights"), "group"),
    ("conversations", _("Conversations"), "chat"),
    ("tools", _("Tools"), "build"),
    ("planning", _("Plans"), "checklist"),
    ("knowledge", _("Knowledge and memory"), "menu_book"),
    ("media", _("Media"), "image"),
    ("learning", _("Learning"), "school"),
    ("system", _("System"), "monitor_heart"),
    ("sandbox", _("Sandboxes"), "inventory_2"),
    ("explanations", _("Explanations"), "help"),
    ("emotions", _("Emotions"), "mood"),
    ("adaptation", _("Adaptation"), "tune"),
    ("reinforcement", _("Reinforcement"), "emoji_events"),
    ("transfer", _("Transfer"), "sync_alt"),
    ("creative", _("Creative work"), "palette"),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: the dashboard, then each domain's tables that this person may see."""
    home = {"title": _("Dashboard"), "icon": "dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [home]}]
    for domain in domains(request):
        items = [
            {"title": table["name"], "icon": domain["icon"], "link": table["link"]}
            for table in domain["tables"]
        ]
        groups.append({"title": domain["name"], "collapsible": True, "items": items})
    return groups


def domains(request: HttpRequest) -> list[dict[str, Any]]:
    """The domains with their tables (`name`, `link`, `add`) that this person may see."""
    from django.contrib import admin  # the settings import this module before there are apps

    tables: dict[str, list[dict[str, Any]]] = {}
    for model, table in admin.site._registry.items():
        if not table.has_view_or_change_permission(request):
            continue
        meta = model._meta
        base = f"admin:{meta.app_label}_{meta.model_name}"
        entry = {"name": meta.verbose_name_plural, "link": reverse(f"{base}_changelist"), "add": ""}
        if table.has_add_permission(request):
            entry["add"] = reverse(f"{base}_add")
        tables.setdefault(meta.app_label, []).append(entry)
    return [
        {"name": name, "icon": symbol, "tables": tables[label]}
        for label, name, symbol in DOMAINS
        if label in tables
    ]


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "AGI Site",
    "SITE_HEADER": "AGI Site",
    "SITE_SUBHEADER": _("Administration"),
    "SITE_URL": "/",
    "SITE_SYMBOL": "robot_2",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("agi/favicon.svg")}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"action": lambda request: reverse("accounts:set_language")},
    "DASHBOARD_CALLBACK": "agi_site.dashboard.dashboard",
    "STYLES": [lambda request: static("agi/css/admin.css")],
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "agi_site.unfold.navigation",
    },
    "ACCOUNT": {
        "navigation": [
            {"title": _("Back to the chat"), "link": lambda request: reverse("home")},
            {"title": _("Devices and sessions"), "link": lambda request: reverse("accounts:sessions")},
        ]
    },
    "COLORS": {
        "base": {
            "50": "oklch(98.4% .003 85)",
            "100": "oklch(96.4% .004 85)",
            "200": "oklch(91.8% .006 85)",
            "300": "oklch(86.4% .008 85)",
            "400": "oklch(70.6% .012 85)",
            "500": "oklch(53.4% .013 85)",
            "600": "oklch(43.8% .012 85)",
            "700": "oklch(36.6% .010 85)",
            "800": "oklch(27.2% .007 85)",
            "900": "oklch(21.4% .005 85)",
            "950": "oklch(15.4% .004 85)",
        },
        "primary": {
            "50": "oklch(97.4% .014 184)",
            "100": "oklch(94.0% .030 184)",
            "200": "oklch(88.6% .052 184)",
            "300": "oklch(81.6% .078 184)",
            "400": "oklch(72.0% .090 184)",
            "500": "oklch(58.0% .092 184)",
            "600": "oklch(48.2% .082 184)",
            "700": "oklch(41.4% .070 184)",
            "800": "oklch(34.8% .058 184)",
            "900": "oklch(29.4% .046 184)",
            "950": "oklch(22.0% .036 184)",
        },
    },
}
