"""Patterns of ports and small rule sets for tests of signatures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pathcheck.model.firewall import Firewall
from pathcheck.model.signature import Ends, Pattern
from pathcheck.wire.firewall_rules import firewall_of
from tests.builders import l4
from tests.recordings import Raw, asked, entry, rule

STORY = Path(__file__).parents[1] / "docs" / "story"
NOBODY = Ends()


def pattern(crossing: str, silent: str) -> Pattern:
    """`icmp tcp/80`, what crosses and what does not."""
    return Pattern(*(tuple(sorted(map(l4, texts.split()))) for texts in (crossing, silent)))


OBSERVED = pattern("icmp tcp/80 tcp/443", "udp/53 tcp/53")
"""What the story's author saw with nc and ping."""


def pods(source: str = "10.24.12.40@node-2", destination: str = "10.24.9.31@node-1") -> Ends:
    path = asked(source, destination, "icmp")
    return Ends(path.source, path.destination)


def story(name: str) -> Firewall:
    return firewall_of(json.loads((STORY / f"{name}.json").read_text()))


def admits(name: str, *traffic: str, **changes: Any) -> Raw:
    """`tcp/80`, `udp`: from everywhere to everyone."""
    fields: Raw = {"allowed": _entries(traffic)} | changes
    return rule(name, **fields)


def denies(name: str, *traffic: str, **changes: Any) -> Raw:
    fields: Raw = {"denied": _entries(traffic)} | changes
    return rule(name, **fields)


def _entries(traffic: tuple[str, ...]) -> list[Raw]:
    return [entry(*text.split("/")) for text in traffic]
