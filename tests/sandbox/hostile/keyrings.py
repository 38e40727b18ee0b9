"""The kernel's keyrings, which no namespace keeps apart."""

from kit import attempt, call

SESSION = -3
attempt("add_key", call, "add_key", b"user", b"hostile", b"secret", 6, SESSION)
attempt("keyctl", call, "keyctl", 0, SESSION, 0)
attempt("request_key", call, "request_key", b"user", b"hostile", 0, SESSION)
