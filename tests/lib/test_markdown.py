"""Markdown of messages: what comes out is safe, whole or half."""

import pytest

from agi_site.lib.markdown import as_typed, render, styles

CITED = [
    {"n": 1, "title": 'The "handbook" <2026>', "url": "/knowledge/1/"},
    {"n": 2, "title": "Gone", "url": ""},
]


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](  JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "![x](https://tracker.example/pixel.png)",
        "<a href='javascript:alert(1)'>x</a>",
        '[x](https://a.example/"onmouseover="alert(1))',
        "```python\n</code></pre><script>alert(1)</script>\n```",
        "```<script>alert(1)</script>\nx\n```",
        '```x"onclick="alert(1)\nx\n```',
        "|<script>|\n|-|\n|<svg onload=alert(1)>|",
        "<style>*{display:none}</style>",
        "<iframe src=//evil></iframe>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "[1]: javascript:alert(1)\n\n[1]",
        r"$\text{<img src=x onerror=alert(1)>}$",
        r"$\text{&lt;script&gt;alert(1)&lt;/script&gt;}$",
        r"\(\href{javascript:alert(1)}{x}\)",
        r"$$\text{</mtext></math><script>alert(1)</script>}$$",
        'https://a.example/"onmouseover="alert(1)',
        '![x"onerror="alert(1)](javascript:alert(1))',
    ],
)
def test_no_attack_becomes_markup(attack: str) -> None:
    html = render(attack, CITED).lower()
    for bad in (
        "<script",
        "<img",
        "<svg",
        "<iframe",
        "<style",
        'javascript:alert(1)"',
        'href="data:',
        'vbscript:x"',
    ):
        assert bad not in html
    for tag in html.split("<")[1:]:
        assert " on" not in tag.split(">")[0]


def test_a_citation_that_attacks_is_harmless() -> None:
    html = render("See [1].", [{"n": 1, "title": '"><script>x</script>', "url": "javascript:alert(1)"}])
    assert "<script" not in html
    assert "javascript:" not in html


def test_citations_become_links_with_their_title() -> None:
    html = render("As written [1], and also [2] but not [3].", CITED)
    assert 'class="citation"' in html
    assert 'href="/knowledge/1/"' in html
    assert "The &quot;handbook&quot; &lt;2026&gt;" in html
    assert '<span class="citation">[2]</span>' in html
    assert "[3]" in html


def test_numbers_in_code_and_links_are_no_citations() -> None:
    html = render("`a[1]` and\n\n```python\nx[1]\n```\n\n[a[1]](https://x.example)", CITED)
    assert "citation" not in html


def test_code_is_coloured_and_can_be_copied() -> None:
    html = render("```python\nprint('a < b')\n```")
    assert 'data-language="python"' in html
    assert "data-copy" in html
    assert 'class="language-python"' in html
    assert "&lt;" in html
    assert '<span class="' in html


def test_code_in_an_unknown_language_stays_plain() -> None:
    html = render("```klingon\n<b>qapla</b>\n```")
    assert "&lt;b&gt;qapla" in html


@pytest.mark.parametrize(
    "text", ["```python\nprint(1", "```", "| a | b |\n|--", "**bold", "[link](https://x", "[1", "# "]
)
def test_half_an_answer_renders(text: str) -> None:
    html = render(text, CITED, streaming=True)
    assert html.endswith('<span class="caret"></span>')


def test_tables_and_lists_keep_their_form() -> None:
    html = render("| a | b |\n|---|---|\n| 1 | 2 |\n\n3. three\n4. four\n\n~~old~~")
    assert "<table>" in html
    assert "1</td>" in html
    assert '<ol start="3"' in html
    assert "<s>old</s>" in html


def test_columns_keep_the_side_they_were_given() -> None:
    html = render("| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |")
    assert [
        f'class="align-{side}">{n}</td>' in html for side, n in (("left", 1), ("center", 2), ("right", 3))
    ]
    assert 'class="align-right">3</td>' in html
    assert 'class="align-center">b</th>' in html


@pytest.mark.parametrize(
    "text",
    [
        r"Euler: $e^{i\pi}+1=0$.",
        r"Euler: \(e^{i\pi}+1=0\).",
        "\\[\ne^{i\\pi}\n+ 1\n= 0\n\\]",
        "So:\n$$\ne^{i\\pi}\n+ 1 = 0\n$$\nas Euler found.",
        "\\begin{align}\ne^{i\\pi} &= -1\n\\end{align}",
        "> - within a quote: $$e^{i\\pi}$$",
        "오일러의 식은$e^{i\\pi}$이다",
    ],
)
def test_formulas_are_drawn(text: str) -> None:
    html = render(text)
    assert "<math" in html
    assert "<msup><mi>e</mi>" in html
    assert "π" in html
    assert "$" not in html
    assert "\\" not in html


@pytest.mark.parametrize(
    "text",
    ["It costs $5, not $10.", "US$5–US$6", r"\$a\$", "`$a$`", "$ a $", "a $b", "```\n$$a$$\n```", r"$$\frac"],
)
def test_prices_and_code_are_no_formulas(text: str) -> None:
    assert "<math" not in render(text)


def test_what_is_no_formula_is_shown_as_it_was_written() -> None:
    assert render(r"$x^1^<$") == '<p dir="auto"><code>x^1^&lt;</code></p>\n'


def test_boxes_of_tasks_are_ticked() -> None:
    html = render("- [x] done\n- [ ] to do\n- [link](https://a.example)")
    assert '<li class="task">☑ done</li>' in html
    assert '<li class="task">☐ to do</li>' in html
    assert "<li><a" in html


def test_text_runs_in_the_direction_of_its_script() -> None:
    html = render("# שלום\n\nمرحبا\n\n- פריט\n\n> ציטוט\n\n| א |\n|---|\n| ב |")
    for start in ("<h1", "<p", "<ul", "<blockquote", "<th", "<td"):
        assert f'{start} dir="auto"' in html


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("See https://a.example/b_c?d=1#e.", "https://a.example/b_c?d=1#e"),
        ("(https://a.example/x_(y))", "https://a.example/x_(y)"),
        ("https://a.example/path에서 보세요", "https://a.example/path"),
        ("https://ko.example/wiki/서울_특별시, 또는", "https://ko.example/wiki/서울_특별시"),
        ("**https://a.example**", "https://a.example"),
        ("![A chart](https://a.example/c.png)", "https://a.example/c.png"),
    ],
)
def test_addresses_and_pictures_become_links(text: str, address: str) -> None:
    html = render(text)
    assert f'href="{address}"' in html
    assert html.count("<a ") == 1
    assert "!" not in html
    assert 'target="_blank"' in html


def test_a_picture_in_a_link_leaves_one_link() -> None:
    html = render("[![badge](https://i.example/b.png)](https://a.example)")
    assert html.count("<a ") == 1
    assert ">badge</a>" in html


def test_addresses_in_code_and_links_are_left_alone() -> None:
    assert render("`https://a.example` and http://").count("<a ") == 0
    assert render("[https://b.example](https://a.example)").count("<a ") == 1


def test_links_to_elsewhere_open_beside_and_tell_nothing() -> None:
    html = render("[x](https://a.example/?a=1&b=2)")
    assert 'target="_blank"' in html
    assert "noopener noreferrer" in html


def test_a_long_text_does_not_take_long() -> None:
    import time

    started = time.perf_counter()
    render("[" * 20_000)
    render("*a " * 7_000)
    render("> " * 5_000 + "x")
    for formulas in ("\\(" * 10_000, "\\[\n" * 6_000 + "\n\\]", "$a" * 10_000, "$$a\n" * 5_000, "$" * 20_000):
        render(formulas)
    render("http://" + ")" * 19_000)
    assert time.perf_counter() - started < 5


def test_the_colours_have_a_light_and_a_dark_look() -> None:
    assert ".code .k" in styles()
    assert "prefers-color-scheme: dark" in styles()


def test_a_persons_own_text_is_shown_as_typed_but_for_its_code() -> None:
    html = as_typed("**Why** <b>this</b>?\nadd.py\n```py\ndef add():\n    <pass>\n```\nend")
    assert html.startswith("**Why** &lt;b&gt;this&lt;/b&gt;?\nadd.py<div")
    assert '<div class="code" data-language="py">' in html
    assert "&lt;" in html
    assert "<pass" not in html
    assert html.endswith("</div>\nend")


@pytest.mark.parametrize(
    "text", ["```", "a\n```py\nb", "`` `x` ``", "````\n```\n", "    ```\nx\n    ```", "```a`b\n```"]
)
def test_what_is_no_whole_block_stays_as_typed(text: str) -> None:
    assert as_typed(text) == text


def test_a_longer_fence_holds_a_shorter_one() -> None:
    html = as_typed("````md\n```\nx\n```\n````")
    assert html.count('<div class="code"') == 1
    assert 'data-language="md"' in html
