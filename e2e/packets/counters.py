"""Which rule decided how many packets, as the router counted them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from e2e.lab.errors import run

Decided = Counter[tuple[str, str]]


def decided(router: str) -> Decided:
    """Packets by side (`ingress`, `egress`) and rule, since the rules were put in force; a packet may count on both sides.

    Rules that only left their policy (goto_next) decided nothing.
    """
    shown = run(["nsenter", f"--net=/run/netns/{router}", "nft", "-j", "list", "table", "inet", "vpc"])
    counted: Decided = Counter()
    for entry in json.loads(shown)["nftables"]:
        rule = entry.get("rule", {})
        parts: dict[str, Any] = {key: value for part in rule.get("expr", []) for key, value in part.items()}
        side = rule.get("chain", "").partition("/")[0]
        if "comment" in rule and ("drop" in parts or "accept" in parts):
            counted[side, rule["comment"]] += parts["counter"]["packets"]
    return counted
