"""The files of a sandbox on its pages: looked at, uploaded, edited, moved, deleted."""

import os
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from sandbox.models import Sandbox, SandboxFile, SandboxQuarantine, SandboxStatus

from .fixtures_files import EICAR

HTMX = {"HTTP_HX_REQUEST": "true"}


def at(name: str, box: Sandbox, path: str = "") -> str:
    address = reverse(f"sandbox:{name}", args=[box.pk])
    return f"{address}?path={path}" if path else address


def test_files_are_uploaded_and_listed(box: Sandbox, workspace: Any, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    sent = [SimpleUploadedFile("a.txt", b"first"), SimpleUploadedFile("한글.txt", "둘".encode())]
    assert client.post(at("file_upload", box), {"path": "", "files": sent}).status_code == 302
    assert (workspace.root / "한글.txt").read_text() == "둘"
    page = client.get(at("files", box)).content.decode()
    assert "a.txt" in page
    assert "한글.txt" in page
    part = client.get(at("files", box), **HTMX, HTTP_HX_TARGET="listing").content.decode()
    assert "a.txt" in part
    assert "<form" not in part


@pytest.mark.parametrize("offset", ["²", "9" * 5000, "-1", "x"])
def test_a_place_in_the_list_that_is_none_is_its_beginning(
    offset: str, box: Sandbox, workspace: Any, alice: Any, client_of: Any
) -> None:
    (workspace.root / "a.txt").touch()
    assert "a.txt" in client_of(alice).get(at("files", box), {"offset": offset}).content.decode()


def test_a_folder_is_made_and_entered(box: Sandbox, workspace: Any, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    response = client.post(at("file_new", box), {"path": "", "name": "src", "kind": "folder"})
    assert response.url == at("files", box, "src")
    assert (workspace.root / "src").is_dir()
    response = client.post(at("file_new", box), {"path": "src", "name": "a b.py", "kind": "file"})
    assert response.url == at("file_edit", box, "src%2Fa+b.py") + "&new"
    assert "Not saved yet" in client.get(response.url).content.decode()


def test_a_text_is_edited_with_the_line_ends_of_the_sandbox(
    box: Sandbox, workspace: Any, alice: Any, client_of: Any
) -> None:
    (workspace.root / "a.py").write_text("print(1)\n")
    client = client_of(alice)
    assert "print(1)" in client.get(at("file_edit", box, "a.py")).content.decode()
    response = client.post(at("file_edit", box, "a.py"), {"text": "print(2)\r\nprint(3)\r\n"}, **HTMX)
    assert response.status_code == 200
    assert (workspace.root / "a.py").read_bytes() == b"print(2)\nprint(3)\n"


def test_what_a_program_wrote_meanwhile_is_not_written_over_unasked(
    box: Sandbox, workspace: Any, alice: Any, client_of: Any
) -> None:
    file, client, address = workspace.root / "a.txt", client_of(alice), at("file_edit", box, "a.txt")
    file.write_text("one")
    seen = client.get(address).context["seen"]
    seen = client.post(address, {"text": "two", "seen": seen}, **HTMX).content.decode()
    assert client.post(address, {"text": "three", "seen": seen}, **HTMX).status_code == 200
    file.write_text("of a program")
    assert client.post(address, {"text": "four", "seen": seen}, **HTMX).status_code == 409
    refused = client.post(address, {"text": "four", "seen": seen})
    assert "changed since it was opened" in refused.content.decode()
    assert file.read_text() == "of a program"
    assert client.post(address, {"text": "four", "seen": refused.context["seen"]}).status_code == 302
    assert file.read_text() == "four"


def test_a_new_file_of_a_name_that_is_taken_is_the_file_that_is_there(
    box: Sandbox, workspace: Any, alice: Any, client_of: Any
) -> None:
    client, address = client_of(alice), at("file_edit", box, "a.txt") + "&new"
    empty = client.get(address).context["seen"]
    (workspace.root / "a.txt").write_text("kept")
    assert client.post(address, {"text": "lost", "seen": empty}, **HTMX).status_code == 409
    assert "kept" in client.get(address).content.decode()
    assert (workspace.root / "a.txt").read_text() == "kept"


def test_a_name_that_is_not_utf_8_is_shown_without_links(
    box: Sandbox, workspace: Any, alice: Any, client_of: Any, api_of: Any
) -> None:
    (workspace.root / os.fsdecode(b"bad\xff")).write_text("x")
    (workspace.root / "link").symlink_to(os.fsdecode(b"to\xfe"))
    page = client_of(alice).get(at("files", box))
    assert page.status_code == 200
    text = page.content.decode()
    assert "bad� " in text
    assert "→ to�" in text
    assert "path=bad" not in text
    listed = api_of(alice).get(f"/api/v1/sandboxes/{box.pk}/files/").json()["entries"]
    assert [(entry["path"], entry["target"]) for entry in listed] == [("bad�", ""), ("link", "to�")]


def test_what_is_no_text_is_not_opened_in_the_editor(
    box: Sandbox, workspace: Any, alice: Any, client_of: Any
) -> None:
    (workspace.root / "a.bin").write_bytes(b"\xff\xfe\x00")
    page = client_of(alice).get(at("file_edit", box, "a.bin")).content.decode()
    assert "<textarea" not in page
    assert "no text in UTF-8. Download it instead" in page
    (workspace.root / "long.txt").write_bytes(b"a" * ((1 << 20) + 1))
    page = client_of(alice).get(at("file_edit", box, "long.txt")).content.decode()
    assert "<textarea" not in page
    assert "larger than the 1\xa0MB" in page


def test_a_download_is_never_shown_by_the_browser(
    box: Sandbox, workspace: Any, alice: Any, client_of: Any
) -> None:
    (workspace.root / "page.html").write_text("<script>alert(1)</script>")
    response = client_of(alice).get(at("file_download", box, "page.html"))
    assert b"".join(response.streaming_content) == b"<script>alert(1)</script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_file_is_moved_and_deleted_after_a_question(
    box: Sandbox, workspace: Any, alice: Any, client_of: Any
) -> None:
    (workspace.root / "a.txt").write_text("x")
    client = client_of(alice)
    client.post(at("file_move", box, "a.txt"), {"target": "b.txt"})
    assert (workspace.root / "b.txt").exists()
    assert "b.txt" in client.get(at("file_delete", box, "b.txt")).content.decode()
    assert (workspace.root / "b.txt").exists()
    client.post(at("file_delete", box), {"path": "b.txt"})
    assert not (workspace.root / "b.txt").exists()


def test_what_the_scanner_held_back_is_said(box: Sandbox, workspace: Any, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    sent = {"path": "", "files": [SimpleUploadedFile("virus.com", EICAR)]}
    response = client.post(at("file_upload", box), sent, **HTMX)
    assert response.status_code == 400
    assert response["X-Problem"]
    assert SandboxQuarantine.objects.filter(sandbox=box).exists()
    assert "Held back by the scanner" in client.get(at("files", box)).content.decode()


def test_a_sandbox_that_does_not_run_shows_the_files_it_had(box: Sandbox, alice: Any, client_of: Any) -> None:
    SandboxFile.objects.create(sandbox=box, path="src/a.py", size_bytes=3)
    SandboxFile.objects.create(sandbox=box, path="b.txt", size_bytes=3)
    Sandbox.objects.update(status=SandboxStatus.STOPPED)
    client = client_of(alice)
    page = client.get(at("files", box)).content.decode()
    assert "as they were last seen" in page
    assert "b.txt" in page
    assert "a.py" not in page
    assert "a.py" in client.get(at("files", box, "src")).content.decode()


def test_what_lies_deeper_takes_no_place_from_the_folder_itself(
    box: Sandbox, alice: Any, client_of: Any
) -> None:
    rows = [SandboxFile(sandbox=box, path=f"a/{number:04}.txt") for number in range(600)]
    rows += [SandboxFile(sandbox=box, path="a", is_directory=True), SandboxFile(sandbox=box, path="z.txt")]
    SandboxFile.objects.bulk_create(rows)
    Sandbox.objects.update(status=SandboxStatus.STOPPED)
    assert "z.txt" in client_of(alice).get(at("files", box)).content.decode()


@pytest.mark.parametrize("path", ["../etc/passwd", "/etc/passwd", "a/../../b", "%00"])
def test_no_path_leads_out(path: str, box: Sandbox, workspace: Any, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    for name in ("file_download", "file_edit"):
        response = client.get(at(name, box, path), follow=True)
        assert "root:" not in response.content.decode(errors="replace")
    client.post(at("file_new", box), {"path": path, "name": "made", "kind": "folder"})
    assert not list(workspace.root.parent.glob("made"))
