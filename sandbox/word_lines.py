"""Texts that people write line by line, as the values they stand for: network rules, variables."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

# The shell of the line-mode terminal: it shows each line before what that writes; folder and variables stay.
LINE_SHELL = "exec sh -v 2>&1"
WITH_PORT = re.compile(r"(?P<place>[^:\s\[\]]+|\[[^\]\s]+\]):(?P<port>\d{1,5}(?:-\d{1,5})?)")
PAGE = re.compile(
    r"(?P<scheme>https?)://(?:[^/@\s]*@)?(?P<host>\[[^\]\s]+\]|[^/:?#\s]+)(?P<port>:\d+)?", re.IGNORECASE
)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def read_rules(text: str) -> list[dict[str, Any]]:
    """Rules as a policy keeps them, one a line: `place`, then if wanted a port or range, then `tcp` or `udp`.

    `example.com`, `example.com:443`, `10.0.0.0/8 8000-8100 tcp`, `[2001:db8::1]:443`. What is wrong with a
    rule is for `policy.network` to say; only a line with too many words and the address of a web page are
    refused here, by ValueError.
    """
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) > 3:
            raise ValueError(_("Line %(number)d has too many words.") % {"number": number})
        if page := PAGE.match(words[0]):
            port = page["port"] or (":80" if page["scheme"].lower() == "http" else ":443")
            fault = _("Line %(number)d: a rule is about a whole host. Write %(place)s instead.")
            raise ValueError(fault % {"number": number, "place": page["host"] + port})
        rules.append(_rule(words))
    return rules


def _rule(words: list[str]) -> dict[str, Any]:
    place, rest = words[0], words[1:]
    if found := WITH_PORT.fullmatch(place):
        place, rest = found["place"], [found["port"], *rest]
    place = place.strip("[]")
    rule: dict[str, Any] = {_kind(place): place}
    for word in rest:
        rule["protocol" if word.lower() in ("tcp", "udp") else "port"] = word.lower()
    return rule


def _kind(place: str) -> str:
    for kind, read in (("ip", ipaddress.ip_address), ("cidr", ipaddress.ip_network)):
        try:
            read(place)
        except ValueError:
            continue
        return kind
    if "/" in place:
        return "cidr"
    return "ip" if place.replace(".", "").isdigit() else "host"  # of digits alone it is a mistyped address


def write_rules(rules: Iterable[Mapping[str, Any]] | None) -> str:
    """Rules as the lines that `read_rules` reads."""
    lines = []
    for rule in rules or ():
        place = rule.get("host") or rule.get("ip") or rule.get("cidr") or ""
        lines.append(" ".join(str(word) for word in (place, rule.get("port"), rule.get("protocol")) if word))
    return "\n".join(lines)


def read_variables(text: str, kept: Mapping[str, str]) -> dict[str, str]:
    """Variables, `NAME=value` a line; a bare `NAME` keeps its value. Raises ValueError with a sentence."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.strip().partition("=")
        name = name.strip()
        if not NAME.fullmatch(name):
            raise ValueError(
                _("Line %(number)d: a name has letters, digits and _, and begins with no digit.")
                % {"number": number}
            )
        if not equals and name not in kept:
            raise ValueError(_("Line %(number)d: write NAME=value.") % {"number": number})
        found[name] = value if equals else kept[name]
    return found
