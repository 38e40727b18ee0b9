"""Mount policies: which folders of a host a sandbox may see, and that it never has a capability."""

from typing import Any

import pytest

from agi_site.lib.problems import Invalid
from sandbox.policy.mounts import Mount, read_capabilities, read_mounts

ROOTS = ("/srv/data",)


def mounts(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"mounts": list(entries)}


def test_no_policy_mounts_nothing() -> None:
    assert read_mounts(None, roots=ROOTS) == ()
    assert read_mounts({}, roots=()) == ()


def test_a_folder_below_a_root_is_read_only_unless_said_otherwise() -> None:
    policy = mounts(
        {"source": "/srv/data/books", "target": "/books"},
        {"source": "/srv/data/out", "target": "/out", "read_only": False},
    )
    assert read_mounts(policy, roots=ROOTS) == (
        Mount("/srv/data/books", "/books"),
        Mount("/srv/data/out", "/out", read_only=False),
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"source": "/etc", "target": "/books"},
        {"source": "/srv/database", "target": "/books"},
        {"source": "/srv/data/../../etc", "target": "/books"},
        {"source": "srv/data", "target": "/books"},
        {"source": "/srv/data/books", "target": "/workspace"},
        {"source": "/srv/data/books", "target": "/"},
        {"source": "/srv/data/books", "target": "/.agi/lib"},
        {"source": "/srv/data/books", "target": "/proc/1"},
        {"source": "/srv/data/books", "target": "/etc/ssl"},
        {"source": "/srv/data/books", "target": "/books:rw"},
        {"source": "/srv/data/books", "target": "/books", "read_only": "no"},
        {"source": "/srv/data/books", "target": "/books", "options": "exec"},
        {"source": "/srv/data/books"},
        "/srv/data/books",
    ],
)
def test_everything_else_is_refused(entry: Any) -> None:
    with pytest.raises(Invalid) as refused:
        read_mounts({"mounts": [entry]}, roots=ROOTS)
    assert "mount_policy" in refused.value.errors


def test_two_folders_cannot_stand_in_one_place() -> None:
    both = [{"source": f"/srv/data/{name}", "target": "/books"} for name in ("a", "b")]
    with pytest.raises(Invalid):
        read_mounts(mounts(*both), roots=ROOTS)


def test_without_roots_nothing_is_mounted() -> None:
    with pytest.raises(Invalid):
        read_mounts(mounts({"source": "/srv/data/books", "target": "/books"}), roots=())


def test_capabilities_are_an_empty_list() -> None:
    assert read_capabilities(None) == []
    assert read_capabilities([]) == []
    for given in (["NET_ADMIN"], "ALL", {"add": []}):
        with pytest.raises(Invalid):
            read_capabilities(given)
