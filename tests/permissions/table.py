"""What is still decided when a permission is missing, as data; `python -m tests.permissions.table` prints docs/permissions.md.

The cloud is the story's with a policy that is asked before the VPC rules; the checks are answered by the rules alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
PROJECT = "august-period-234610"
POLICY = "baseline"
GROUP = f"projects/{PROJECT}/locations/global/addressGroups/quarantine"
TAG = "tagValues/7"
_ON = {
    "compute.networks.getRegionEffectiveFirewalls": f"projects/{PROJECT}/global/networks/default",
    "networksecurity.addressGroups.get": GROUP,
    "compute.instances.listEffectiveTags": "effectiveTags",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One flow that is asked about, and the priority of the policy's rule that decides it; 0 where a VPC rule does."""

    name: str
    what: str
    source: str
    port: int
    rule: int

    @property
    def expectation(self) -> str:
        return "Isolated" if self.rule else "Reachable"

    @property
    def body(self) -> dict[str, Any]:
        """As it is applied; True as long as nothing is missing."""
        return {
            "apiVersion": "pathcheck.dev/v1alpha1",
            "kind": "PathCheck",
            "metadata": {"name": self.name},
            "spec": {
                "from": {"nodes": {"names": [self.source]}},
                "to": {"nodes": {"names": ["node-1"]}},
                "traffic": [{"protocol": "TCP", "port": self.port}],
                "expectation": self.expectation,
                "evidence": "Predicted",
            },
        }


CHECKS = (
    Check("dns", "node-2 to node-1, tcp/53: no rule of the policy is about it", "node-2", 53, 0),
    Check("telnet", "node-2 to node-1, tcp/23: denied by a policy's rule", "node-2", 23, 300),
    Check("quarantine", "node-3 to node-1, tcp/4444: denied by one that names an address group", "node-3", 4444, 100),
    Check("locked", "node-2 to node-1, tcp/5555: denied by one that is for a secure tag", "node-2", 5555, 200),
)
_RANGES = {"node-1": "10.24.9.0/24", "node-2": "10.24.12.0/24", "node-3": "10.24.13.0/24"}


@dataclass(frozen=True, slots=True)
class Row:
    """What is missing, the checks that are not decided then, and what is said of them; `besides` is what else is lost."""

    missing: tuple[str, ...]
    undecided: tuple[str, ...] = ()
    said: str = ""
    besides: str = ""

    def sentence(self, check: Check) -> str:
        """What is said of this check; "" if it is decided."""
        if check.name not in self.undecided:
            return ""
        first = self.missing[0]
        on = _ON.get(first, f"projects/{PROJECT}")
        denied = f"Required '{first}' permission for '{on}'"
        if first == "networksecurity.addressGroups.get" or on == "effectiveTags":
            denied = f"Permission '{first}' denied on '{on}'"
        return self.said.format(
            where=f"tcp/{check.port} from {_RANGES[check.source]} to {_RANGES['node-1']}",
            rule=f"rule {check.rule} of global network firewall policy {POLICY}",
            refused=denied,
        )


def rows(group: str) -> list[Row]:
    """The rows of one group of permissions.yaml."""
    found: list[dict[str, Any]] = yaml.safe_load((HERE / "permissions.yaml").read_text())[group]
    return [Row(tuple(row.pop("missing")), tuple(row.pop("undecided", ())), **row) for row in found]


def policy_rules() -> list[dict[str, Any]]:
    """Those of the policy, each of which decides one of the checks."""
    anywhere = {"srcIpRanges": ["0.0.0.0/0"]}
    return [
        _deny(100, 4444, {"srcAddressGroups": [GROUP]}),
        _deny(200, 5555, anywhere) | {"targetSecureTags": [{"name": TAG}]},
        _deny(300, 23, anywhere),
    ]


def _deny(priority: int, port: int, sources: dict[str, Any]) -> dict[str, Any]:
    match = sources | {"layer4Configs": [{"ipProtocol": "tcp", "ports": [str(port)]}]}
    return {"priority": priority, "action": "deny", "direction": "INGRESS", "match": match}


def document() -> str:
    """docs/permissions.md."""
    checks = ["| check | asks about pods of |", "| --- | --- |", *(f"| `{c.name}` | {c.what} |" for c in CHECKS)]
    page = (HERE / "permissions.md").read_text()
    return page.format(checks="\n".join(checks), one=_lines(rows("one")), none=_lines(rows("none")))


def _lines(some: Iterable[Row]) -> str:
    lines = ["| without | still decided | what is said of the first of the others |", "| --- | --- | --- |"]
    for row in some:
        decided = ", ".join(f"`{c.name}`" for c in CHECKS if c.name not in row.undecided) or "none"
        said = [f"*{row.sentence(c)}*" for c in CHECKS if c.name in row.undecided][:1]
        cell = "<br>".join([*said, *([row.besides] if row.besides else [])])
        lines.append(f"| {', '.join(f'`{p}`' for p in row.missing)} | {decided} | {cell} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(document())
