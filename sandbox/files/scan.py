"""The scanner: every file into or out of a sandbox is looked at by YARA rules, and by clamd if there is one.

The rules are the program's own (rules/*.yar) and those in the folder SANDBOX_SCAN_RULES, read anew when a
file there changes. One that does not compile is left out and logged; it never takes the others with it. A
rule whose `meta` has `action = "report"` only leaves a mark in the sandbox's history; every other match
holds the file back.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import yara_x
from django.conf import settings
from django.utils.translation import gettext as _

from . import clamd
from .spool import Spool

logger = logging.getLogger(__name__)

OWN_RULES = Path(__file__).parent / "rules"
SCAN_SECONDS = 60
IN_MEMORY = 16 << 20  # parts up to this size are scanned in memory, larger ones as a file
CLAMD = "clamd"
YARA = "yara"
REPORT = "report"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a scanner found: `scanner` is "yara" or "clamd", `rule` the rule or signature."""

    scanner: str
    rule: str


class Scan:
    """One pass of the scanners over what one transfer moves; `marks` gathers the rules that only report.

    Used in `with`, in one thread: what YARA made in a thread has to be given up in that thread, also when an
    exception keeps the frames alive for longer.
    """

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self._yara: yara_x.Scanner | None = _scanner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._yara = None

    def look(self, spool: Spool, offset: int = 0, size: int | None = None) -> Finding | None:
        """What speaks against these bytes (all of the spool, or a part); raises ScannerUnavailable."""
        size = spool.size if size is None else size
        return self._by_rules(spool, offset, size) or self._by_clamd(spool, offset, size)

    def _by_rules(self, spool: Spool, offset: int, size: int) -> Finding | None:
        try:
            matches = self._matches(spool, offset, size)
        except (yara_x.TimeoutError, yara_x.ScanError) as error:
            raise clamd.ScannerUnavailable(
                _("This file could not be scanned within %(seconds)s seconds, so it stays where it is.")
                % {"seconds": SCAN_SECONDS}
            ) from error
        held = [name for name, action in matches if action != REPORT]
        self.marks.update(name for name, action in matches if action == REPORT)
        return Finding(YARA, held[0]) if held else None

    def _matches(self, spool: Spool, offset: int, size: int) -> list[tuple[str, Any]]:
        """The names of the rules that match, and the `action` of each."""
        assert self._yara is not None
        if size <= IN_MEMORY:
            return _plain(self._yara.scan(spool.part(offset, size)))
        if offset == 0 and size == spool.size:
            return _plain(self._yara.scan_file(spool.path))
        with Spool.filled(spool.chunks(offset, size), most=size) as part:
            return _plain(self._yara.scan_file(part.path))

    def _by_clamd(self, spool: Spool, offset: int, size: int) -> Finding | None:
        url = getattr(settings, "CLAMD_URL", "")
        signature = clamd.scan(url, spool.chunks(offset, size)) if url and size else ""
        return Finding(CLAMD, signature) if signature else None


def _plain(results: yara_x.ScanResults) -> list[tuple[str, Any]]:
    return [(rule.identifier, dict(rule.metadata).get("action")) for rule in results.matching_rules]


# --- Rules ------------------------------------------------------------------------------------------------
def rule_files() -> list[Path]:
    """The files of rules in force: the program's own, then the operator's, by name."""
    folder = getattr(settings, "SANDBOX_SCAN_RULES", "")
    own = sorted(OWN_RULES.glob("*.yar"))
    if not folder:
        return own
    return own + sorted(path for path in Path(folder).rglob("*") if path.suffix in {".yar", ".yara"})


def broken_rules() -> dict[str, str]:
    """What is wrong with the files of rules that were left out, by their path; or with the folder itself."""
    folder = getattr(settings, "SANDBOX_SCAN_RULES", "")
    missing = {folder: _("There is no such folder.")} if folder and not Path(folder).is_dir() else {}
    return missing | _compiled(_stamp())[1]


def _scanner() -> yara_x.Scanner:
    scanner = yara_x.Scanner(_compiled(_stamp())[0])
    scanner.set_timeout(SCAN_SECONDS)
    scanner.fast_scan(True)  # which rules match is all that counts
    return scanner


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """What changes when a file of rules does."""
    found = []
    for path in rule_files():
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


@lru_cache(maxsize=2)
def _compiled(stamp: tuple[tuple[str, int, int], ...]) -> tuple[yara_x.Rules, dict[str, str]]:
    compiler, broken = _new_compiler(), {}
    for path, _changed, _size in stamp:
        try:
            source = Path(path).read_text(encoding="utf-8")
            # Alone first: a compiler that met an error builds nothing any more.
            trial = _new_compiler()
            trial.add_source(source, origin=path)
            trial.build()
        except (yara_x.CompileError, OSError, UnicodeDecodeError) as error:
            logger.error("the rules in %s are not used: %s", path, error)
            broken[path] = str(error)
            continue
        compiler.new_namespace(path)
        compiler.add_source(source, origin=path)
    return compiler.build(), broken


def _new_compiler() -> yara_x.Compiler:
    compiler = yara_x.Compiler()
    compiler.enable_includes(False)
    return compiler
