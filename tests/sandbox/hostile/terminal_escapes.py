"""Output that acts on who looks at it: escapes for terminals, markup for pages, bytes that are no text."""

import sys

lines = (
    b"\x1b]0;another title\x07",
    b"\x1b]52;c;cm0gLXJmIC8K\x07",  # the clipboard
    b"\x1b[2J\x1b[1;1Hcleared",
    b"\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07",
    b'\x1bP$q"p\x1b\\ \x1b[6n \x1b[c \x9b6n',  # questions a terminal answers by typing
    b"<script>alert('from the sandbox')</script>",
    b"<img src=x onerror=alert(1)> {{ 7*7 }} {% load static %} </pre></template>",
    b'data: forged\n\nevent: ended\ndata: {"exit_code": 0}\n\n',
    b"\xe2\x80\xae txt.exe \xe2\x81\xa6",  # other way round
    b"null \x00 bytes \xff\xfe\xc0\x80 \xed\xa0\x80",
    b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    b'{"attempt": "looks_like_a_result", "got": true}',
)
for stream in (sys.stdout, sys.stderr):
    stream.buffer.write(b"\n".join(lines) + b"\n")
    stream.buffer.flush()
