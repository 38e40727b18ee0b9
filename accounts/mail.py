"""E-mail without a mail server: the operator reads it in the log."""

from typing import Any

from django.core.mail.backends.console import EmailBackend


class OperatorLogBackend(EmailBackend):
    """Prints messages as people read them: encoded for transport, links break and Korean is unreadable."""

    def write_message(self, message: Any) -> None:
        """Print one message to the console."""
        head = f"E-mail to {', '.join(message.recipients())}: {message.subject}"
        rule = "─" * 79
        self.stream.write(f"{rule}\n{head}\n\n{message.body.strip()}\n{rule}\n")
