"""What kind of content a file has, by its name and, where that says nothing, by its first bytes."""

import mimetypes

LONGEST = 100  # characters of the column
BINARY = "application/octet-stream"
TEXT = "text/plain"

# The standard table is extended with what the machine happens to have; this one is the same everywhere.
_TYPES = mimetypes.MimeTypes(filenames=())
for _suffix, _type in {
    ".ipynb": "application/x-ipynb+json",
    ".md": "text/markdown",
    ".toml": "application/toml",
    ".ts": "text/x-typescript",
    ".tsx": "text/x-typescript",
    ".rs": "text/x-rust",
    ".go": "text/x-go",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".parquet": "application/vnd.apache.parquet",
    ".jsonl": "application/jsonl",
    ".zst": "application/zstd",
    ".webp": "image/webp",
    ".log": TEXT,
}.items():
    _TYPES.add_type(_type, _suffix)
_ENCODINGS = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/x-brotli",
}
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x7fELF", "application/x-executable"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"#!", "text/x-script"),
)


def mime_type(path: str, head: bytes | None = None) -> str:
    """A MIME type of at most 100 characters; `head` are the first bytes, where they are at hand."""
    kind, encoding = _TYPES.guess_type(path.rpartition("/")[2], strict=False)
    if encoding:
        return _ENCODINGS.get(encoding, BINARY)
    if kind:
        return kind[:LONGEST]
    if head is None:
        return BINARY
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    return TEXT if is_text(head) else BINARY


def is_text(head: bytes) -> bool:
    """Whether bytes look like UTF-8 text; a character may be cut off at their end."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > 0 and len(head) - error.start < 4 and error.reason == "unexpected end of data"
    return True
