"""Plain text, Markdown and source code: sections are parts of the file as it stands."""

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from .base import Extracted, Headings, Section, Stop

type Reader = Callable[[str, str, Stop], Extracted]

BLOCK = 1_200  # characters of code that are kept together where they are several short definitions
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_DEFINITION = re.compile(
    r"^(?:@?\w+(?:\([^)]*\))?[ \t]+){0,4}?"
    r"(?:def|class|func|function|fn|interface|struct|enum|impl|trait|type|module|package|namespace|object|record|"
    r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW|FUNCTION|PROCEDURE|INDEX))\b[ \t*&]*(?:\([^)]*\)[ \t]*)?"
    r"([\w.:$\"`]+)",
    re.IGNORECASE,
)


def text(name: str, content: str, stop: Stop) -> Extracted:
    """A plain text: one section; what it is called is its file's name."""
    return Extracted(PurePosixPath(name).stem, content, [Section(0, len(content))], "text/plain")


def markdown(name: str, content: str, stop: Stop) -> Extracted:
    """A section for each heading; its title is its first heading of the highest level."""
    headings, sections = Headings(), []
    start = heading_start = 0
    for begin, level, words, end in _headings(content):
        sections.append((start, begin, headings.words))
        headings.enter(level, words)
        start, heading_start = end, begin
    sections.append((start, len(content), headings.words))
    found = [Section(a, b, words) for a, b, words in sections if content[a:b].strip()]
    if not found and heading_start < len(content):
        found = [Section(0, len(content))]
    return Extracted(headings.title or PurePosixPath(name).stem, content, found, "text/markdown")


def _headings(content: str) -> Iterator[tuple[int, int, str, int]]:
    """(start, level, words, end) of every heading outside of code."""
    at, fence, before = 0, "", (0, "")
    for line in content.splitlines(keepends=True):
        end = at + len(line)
        bare = line.rstrip("\n")
        if opened := _FENCE.match(bare):
            fence = "" if fence and opened[1].startswith(fence) else fence or opened[1]
        elif not fence and (found := _HEADING.match(bare)):
            yield at, len(found[1]), _plain(found[2] or ""), end
        elif not fence and (found := _UNDERLINE.match(bare)) and before[1].strip():
            if not before[1].startswith(("-", "*", ">", "|", " ", "\t")):
                yield before[0], 1 if found[1][0] == "=" else 2, _plain(before[1]), end
            bare = ""
        before = (at, "" if _HEADING.match(bare) else bare)
        at = end


def _plain(words: str) -> str:
    return re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", words).strip()


def code(name: str, content: str, stop: Stop) -> Extracted:
    """Blocks that begin at the margin after a blank line; short ones together, named by their definition."""
    sections: list[Section] = []
    start, heading = 0, ""
    for begin, end, defined in _blocks(content):
        if begin > start and (end - start > BLOCK or (defined and heading)):
            sections.append(Section(start, begin, heading, by_line=True))
            start, heading = begin, ""
        heading = heading or defined
    sections.append(Section(start, len(content), heading, by_line=True))
    kept = [section for section in sections if content[section.start : section.end].strip()]
    return Extracted(PurePosixPath(name).name, content, kept, "text/x-source")


def _blocks(content: str) -> Iterator[tuple[int, int, str]]:
    start = at = 0
    blank, defined = True, ""
    for line in content.splitlines(keepends=True):
        if blank and line.strip() and not line[0].isspace() and at > start:
            yield start, at, defined
            start, defined = at, ""
        if not defined and (found := _DEFINITION.match(line)):
            defined = found[1].strip('"`:')[:100]
        blank = not line.strip()
        at += len(line)
    if at > start:
        yield start, at, defined
