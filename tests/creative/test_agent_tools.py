"""The assistant keeps what it wrote as a work: once, however often the call is made."""

from typing import Any

import pytest

from agi_site.lib.problems import Invalid
from creative import services
from creative.models import CreativeVersion, CreativeWork, GenerationPrompt
from tools import services as tools


def test_a_work_is_kept_with_its_version_prompt_and_content(alice: Any, bob: Any, api_of: Any) -> None:
    tools.sync_registry()
    done = tools.run_tool(
        user=alice,
        name="create_creative_work",
        arguments={"title": "가을", "content": "# 가을\n낙엽", "prompt": "a poem"},
    )
    assert (done.status, done.error_message) == ("completed", None)
    work = CreativeWork.objects.get()
    assert (work.pk, work.user, work.title) == (done.result["id"], alice, "가을")
    assert CreativeVersion.objects.get().content_ref == work.content_ref
    assert GenerationPrompt.objects.get().prompt_text == "a poem"
    address = f"/api/v1/creative-works/{work.pk}/content/"
    read = api_of(alice).get(address)
    assert b"".join(read.streaming_content).decode() == "# 가을\n낙엽"
    assert read["content-disposition"].startswith("attachment")
    assert api_of(bob).get(address).status_code == 404


def test_the_same_call_made_again_gives_the_same_work(alice: Any, bob: Any) -> None:
    values = {"kind": "text", "title": "x", "content": "y", "key": "k"}
    first = services.create_work(owner=alice, **values)
    assert services.create_work(owner=alice, **values).pk == first.pk
    assert services.create_work(owner=bob, **values).pk != first.pk
    assert CreativeVersion.objects.count() == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [({"kind": "image"}, "kind"), ({"title": " "}, "title"), ({"content": "a\0b"}, "content")],
)
def test_bad_input_is_named(alice: Any, values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_work(**{"owner": alice, "kind": "text", "title": "x", "content": "y", **values})
    assert list(refused.value.errors) == [field]
