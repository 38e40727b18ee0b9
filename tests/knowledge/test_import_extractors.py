"""Files of every kind become text with sections, and passages that say where they stand."""

import zipfile
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from django.utils import translation
from pypdf import PdfWriter

from knowledge.importing.extractors import Extracted, extract
from knowledge.importing.passages import MOST, Draft, cut
from knowledge.importing.places import place_words
from knowledge.importing.reasons import Unreadable, told

from .made_files import docx_of, pdf_of


def read(name: str, data: bytes | str, media_type: str = "", charset: str = "") -> Extracted:
    data = data.encode() if isinstance(data, str) else data
    return extract(name=name, data=data, media_type=media_type, charset=charset, stop=lambda: None)


def passages(name: str, data: bytes | str, **more: Any) -> list[Draft]:
    found = read(name, data, **more)
    drafts = list(cut(found))
    for draft in drafts:  # what a passage cites is what stands there
        assert found.text[draft.place["start"] : draft.place["end"]] == draft.content
    return drafts


def told_of(drafts: list[Draft]) -> list[tuple[str, str]]:
    return [(place_words(draft.place), draft.content) for draft in drafts]


def test_a_pdf_gives_its_pages_and_bookmarks() -> None:
    data = pdf_of(
        [
            "Every employee has 25 days.",
            "Days expire in March.\nAsk your manager.",
            "병가는 서류가 필요합니다.",
        ],
        title="Handbook",
        bookmarks=[(1, "Leave"), (3, "병가")],
    )
    drafts = passages("handbook.pdf", data)
    assert told_of(drafts) == [
        ("p. 1 · Leave", "Every employee has 25 days."),
        ("p. 2 · Leave", "Days expire in March.\nAsk your manager."),
        ("p. 3 · 병가", "병가는 서류가 필요합니다."),
    ]
    assert drafts[2].title == "Handbook · 병가"
    with translation.override("ko"):
        assert place_words(drafts[2].place).endswith("· 병가")


def test_a_word_document_gives_its_headings_and_tables() -> None:
    data = docx_of(
        [
            (1, "안내서"),
            (2, "휴가"),
            (0, "연차는 3월에 소멸됩니다."),
            [["종류", "일수"], ["연차", "25"]],
            (3, "이월"),
            (0, "이월은 5일까지입니다."),
        ]
    )
    drafts = passages("guide.docx", data)
    assert [draft.title for draft in drafts] == ["안내서 · 휴가", "안내서 · 휴가 › 이월"]
    assert drafts[0].content == "연차는 3월에 소멸됩니다.\n\n종류 | 일수\n연차 | 25"
    assert place_words(drafts[1].place) == "휴가 › 이월"


def test_a_page_gives_its_main_part_under_its_headings() -> None:
    data = """<!doctype html><html><head><title>Rules</title><style>p{}</style></head><body><nav>Menu</nav>
    <main><h1>Rules</h1><p>First &amp; <b>fore</b>most.</p><h2>Leave</h2><ul><li>one<li>two</ul>
    <table><tr><th>a<th>b<tr><td>1<td>2</table><pre>x\n  y</pre><script>no()</script></main>
    <footer>F</footer>"""
    drafts = passages("page", data, media_type="text/html")
    assert told_of(drafts) == [
        ("", "First & foremost."),
        ("Leave", "- one\n\n- two\n\na | b\n1 | 2\n\nx\n  y"),
    ]
    assert drafts[1].title == "Rules · Leave"


def test_markdown_is_cut_at_headings_and_not_in_code() -> None:
    text = "# Guide\nHello.\n\n## Setup\nRun:\n```\n# no heading\n```\n"
    text += "Usage\n-----\nUse it.\n### Deep ###\nEnd.\n"
    assert told_of(passages("guide.md", text)) == [
        ("", "Hello."),
        ("Setup", "Run:\n```\n# no heading\n```"),
        ("Usage", "Use it."),
        ("Usage › Deep", "End."),
    ]


def test_a_table_gives_a_passage_for_each_row_with_its_columns() -> None:
    drafts = passages("faq.csv", '\ufeff질문;답;비고\n언제?;3월;\n어디?;"2층;\n왼쪽";새 건물\n')
    assert [(draft.title, draft.content, draft.place["row"]) for draft in drafts] == [
        ("언제?", "3월", 2),
        ("어디?", "답: 2층;\n왼쪽\n비고: 새 건물", 3),
    ]
    assert place_words(drafts[1].place) == "row 3"


def test_json_gives_a_passage_for_each_entry() -> None:
    drafts = passages("items.json", '{"items": [{"title": "A", "n": 1, "tags": ["x"]}, "plain", null]}')
    assert [(draft.title, draft.content) for draft in drafts] == [
        ("A", 'n: 1\ntags: ["x"]'),
        ("items", "plain"),
    ]
    members = passages("conf.json", '{"limits": {"cpu": 2}, "name": "x"}')
    assert [(d.title, d.content, d.place["entry"]) for d in members] == [
        ("conf", "cpu: 2", "limits"),
        ("name", "x", "name"),
    ]
    assert [d.content for d in passages("log.jsonl", '{"text": "one"}\n\n{"text": "two"}\n')] == [
        "one",
        "two",
    ]


def test_source_code_is_cut_at_its_definitions_and_says_its_lines() -> None:
    code = '"""Doc."""\n\nimport os\n\n\ndef first(a):\n    x = 1\n\n    return x\n'
    code += "\n\nclass Second:\n    y = 2\n"
    assert [(place_words(d.place), d.content.split("\n", 1)[0]) for d in passages("m.py", code)] == [
        ("lines 1–9 · first", '"""Doc."""'),
        ("lines 12–13 · Second", "class Second:"),
    ]
    assert passages("m.py", code)[0].title == "m.py · first"


def test_long_texts_are_cut_between_paragraphs_then_sentences() -> None:
    sentence = "이 문장은 길이를 재기 위한 것입니다. "
    text = "\n\n".join([sentence * 30, sentence * 200, "x" * 4_000, sentence * 3])
    drafts = passages("long.txt", text)
    assert all(len(draft.content) <= MOST + 200 for draft in drafts)
    assert [
        draft.content for draft in drafts if "것입니다" in draft.content and not draft.content.endswith(".")
    ] == []
    assert "".join(text.split()) == "".join("".join(draft.content.split()) for draft in drafts)
    assert all(a.place["end"] <= b.place["start"] for a, b in pairwise(drafts))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_korean_text_is_read_in_its_usual_encodings(encoding: str) -> None:
    assert (
        passages("글.txt", "연차는 3월에 소멸됩니다.".encode(encoding))[0].content
        == "연차는 3월에 소멸됩니다."
    )


def test_a_page_is_read_in_the_encoding_it_names() -> None:
    page = '<html><head><meta charset="euc-kr"><title>글</title></head><body>연차</body></html>'
    assert read("x.html", page.encode("euc-kr")).title == "글"
    assert read("x.html", page.encode("utf-8"), charset="utf-8").text == "연차"


def locked_pdf() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret")
    held = BytesIO()
    writer.write(held)
    return held.getvalue()


def packed(name: str) -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, "x")
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "media_type", "found"),
    [
        ("index.php", "<p>Open at nine.</p>", "text/html", "text/html"),
        ("README.md", "<!doctype html><title>x</title><p>Open.</p>", "text/html", "text/html"),
        ("README.md", "# Open\n\nAt nine.", "text/html", "text/markdown"),
        ("list.php", '[{"a": "b"}]', "application/json", "application/json"),
        ("index.php", "<?php echo 1;", "", "text/x-source"),
        ("rows.csv", "a,b\n1,2\n", "text/plain", "text/csv"),
    ],
)
def test_an_answer_is_what_its_server_says_where_its_name_says_how_it_was_made(
    name: str, data: str, media_type: str, found: str
) -> None:
    assert read(name, data, media_type).media_type == found


@pytest.mark.parametrize(
    ("name", "data", "code", "korean"),
    [
        ("a.txt", b"  \n", "empty", "비어"),
        ("a.pdf", pdf_of([""]), "scanned", "글자"),
        ("a.pdf", b"%PDF-1.7\nnothing more", "damaged", "손상"),
        ("a.pdf", b"plain text", "damaged", "PDF"),
        ("a.pdf", locked_pdf(), "locked", "암호"),
        ("a.docx", packed("other.xml"), "type", "docx"),
        ("a.docx", packed("word/document.xml"), "damaged", "DOCX"),
        ("a.doc", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old_office", ".docx"),
        ("a.hwp", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "type", ".hwp"),
        ("a.xlsx", packed("xl/workbook.xml"), "type", ".xlsx"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "type", ".png"),
        ("a.txt", b"\x00\x01\x02binary", "binary", "글"),
        ("a.json", b"{broken", "damaged", "JSON"),
        ("a.html", b"<html><body><script>x</script></body></html>", "no_text", "텍스트"),
        ("a.csv", b"only,a,header\n", "no_text", "텍스트"),
    ],
)
def test_what_cannot_be_read_says_why(name: str, data: bytes, code: str, korean: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(name, data)
    assert refused.value.code == code
    english = told(refused.value.code, refused.value.values)
    assert english.endswith((".", "jsonl."))
    assert "%(" not in english
    with translation.override("ko"):
        assert korean in told(refused.value.code, refused.value.values)


def test_deep_nesting_ends_well() -> None:
    assert read("x.html", "<p>top</p>" + "<div>" * 5_000 + "deep" + "</div>" * 5_000).text.startswith("top")
    with pytest.raises(Unreadable):
        read("x.json", "[" * 100_000)


def test_a_title_that_is_the_first_heading_too_is_said_once() -> None:
    data = docx_of(
        [(1, "Guide"), (0, "Opens at eight."), (2, "Parking"), (0, "Below."), (1, "Rest"), (0, "x")]
    )
    assert [row.title for row in passages("a.docx", data)] == ["Guide", "Guide · Parking", "Guide · Rest"]
    titled = docx_of([(1, "Guide"), (0, "Opens at eight."), (2, "Parking"), (0, "Below.")], title="Guide")
    assert [row.title for row in passages("a.docx", titled)] == ["Guide", "Guide · Parking"]
