"""What an engine reports of this site's containers: states, events, things left behind."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from typing import Any

from .client import Client, translated
from .errors import EngineError, EngineUnavailable
from .spec import EngineEvent, Found

TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)")
ACTIONS = ["create", "start", "die", "oom", "kill", "pause", "unpause", "stop", "destroy"]


def read_time(text: str | None) -> datetime | None:
    """Docker's time with nanoseconds; its year 1 is "never"."""
    found = TIME.fullmatch(text or "")
    if found is None or found[1].startswith("0001"):
        return None
    return datetime.fromisoformat(found[1] + (found[2] or "") + found[3].replace("Z", "+00:00"))


def as_found(container: Mapping[str, Any]) -> Found:
    """An inspected container of an instance."""
    state = container["State"]
    ended = state["Status"] in ("exited", "dead")
    return Found(
        instance_id=container["Config"]["Labels"]["agi.instance"],
        container_id=container["Id"],
        state=state["Status"],
        oom_killed=bool(state.get("OOMKilled")),
        exit_code=state.get("ExitCode") if ended else None,
        started_at=read_time(state.get("StartedAt")),
        created_at=read_time(container.get("Created")),
    )


def events(client: Client, labels: list[str], stop: Event) -> Iterator[EngineEvent]:
    """What happens to containers with these labels, until `stop` is set."""
    with translated():
        stream = client.api.events(
            filters={"type": "container", "label": labels, "event": ACTIONS}, decode=True
        )
    ended = Event()

    def watch() -> None:
        while not stop.wait(0.2):
            if ended.is_set():
                return
        with suppress(Exception):
            stream.close()

    threading.Thread(target=watch, daemon=True, name="sandbox-events").start()
    try:
        yield from filter(None, map(_as_event, _until(stream, stop)))
    finally:
        ended.set()
        with suppress(Exception):
            stream.close()


def _until(stream: Any, stop: Event) -> Iterator[dict[str, Any]]:
    try:
        with translated():
            for event in stream:
                if stop.is_set():
                    return
                yield event
    except (EngineError, ValueError, AttributeError):
        if not stop.is_set():
            raise
    if not stop.is_set():
        raise EngineUnavailable("The engine ended the stream of events.")


def _as_event(event: Mapping[str, Any]) -> EngineEvent | None:
    attributes = (event.get("Actor") or {}).get("Attributes") or {}
    if "agi.instance" not in attributes:
        return None
    code = attributes.get("exitCode")
    return EngineEvent(
        instance_id=attributes["agi.instance"],
        container_id=event["Actor"]["ID"],
        action=str(event.get("Action", "")).split(":")[0],
        at=datetime.fromtimestamp(event.get("timeNano", 0) / 1e9, UTC),
        exit_code=int(code) if code is not None else None,
    )
