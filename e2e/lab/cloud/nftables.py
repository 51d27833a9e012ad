"""From what is wanted of packets to one nftables script. Pure: resources in, text out.

A packet towards an instance must pass the ingress side of the place (network and region) where the instance is, one from an
instance the egress side, one between two instances both. A side asks, in the documented order
(https://docs.cloud.google.com/firewall/docs/firewall-policies-rule-eval-order): hierarchical and system policies, then the
VPC rules and the network's policies, these first or those; a policy's chain is left at goto_next and at its end. At last
ingress is denied and egress allowed. Within a policy the priority alone decides; between VPC rules of one priority deny
comes before allow.

Packets in the direction that opened a connection are judged by the rules as they are now, every one of them; only
replies pass because the connection is tracked. So a deleted rule ends open connections at once and nothing has to be
flushed. (How the real firewall treats open connections is not documented; see docs/emulator.md.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from e2e.lab.cloud.clauses import a_set, quoted
from e2e.lab.cloud.interfaces import Interface
from e2e.lab.cloud.meaning import policy_clause, vpc_clause
from e2e.lab.cloud.store import Json, path_of
from e2e.lab.cloud.wanted import Place, Wanted

TABLE = "inet vpc"

_IMPLIED = {
    "INGRESS": 'counter drop comment "implied-deny-ingress"',
    "EGRESS": 'counter accept comment "implied-allow-egress"',
}
_ALWAYS = (
    "ct state related accept",
    "ct state established ct direction reply accept",
    # The metadata server is always reachable, whatever the egress rules say.
    "ip daddr 169.254.169.254 accept",
    "ip6 daddr fd20:ce::254 accept",
)
# What is asked after the hierarchical and the system policies.
_OF_NETWORK = ("NETWORK", "NETWORK_REGIONAL")


def script(wanted: Wanted, interfaces: Sequence[Interface]) -> str:
    """The `nft -f` input that makes exactly this true in one transaction, whatever was there before.

    Args:
        wanted: rules and policies, disabled rules included, in any order.
        interfaces: all instances' interfaces; packets of other interfaces have no rules on that side.
    """
    # Two base chains: what one accepts, the next may still drop.
    heads = {
        "EGRESS": ["type filter hook forward priority filter - 1; policy accept;", *_ALWAYS],
        "INGRESS": ["type filter hook forward priority filter; policy accept;", *_ALWAYS],
    }
    return _table(wanted, interfaces, interfaces, heads)


def script_on(own: Interface, wanted: Wanted, interfaces: Sequence[Interface]) -> str:
    """The same for one instance alone, in its own network namespace, where `own.name` is its way to the network.

    For networks without a router that every packet passes. Ingress is asked before the destination is translated, egress
    after the source is: both see what is on the wire.

    Args:
        own: the instance, one of `interfaces` but for its name.
        wanted: as for `script`.
        interfaces: all instances' interfaces: sources by tag or service account are looked up among them.
    """
    heads = {
        "EGRESS": ["type filter hook postrouting priority srcnat + 50; policy accept;", *_ALWAYS],
        "INGRESS": ["type filter hook prerouting priority mangle; policy accept;", *_ALWAYS],
    }
    return _table(wanted, [own], interfaces, heads, own_wire={"EGRESS": "oifname", "INGRESS": "iifname"})


def _table(
    wanted: Wanted,
    local: Sequence[Interface],
    interfaces: Sequence[Interface],
    heads: Mapping[str, Sequence[str]],
    own_wire: Mapping[str, str] | None = None,
) -> str:
    """Everything as it applies to `local`, asked from two base chains that begin with `heads`."""
    wires = own_wire or {"EGRESS": "iifname", "INGRESS": "oifname"}
    places = sorted({interface.place for interface in local})
    chains: dict[str, list[str]] = {}
    for direction, head in heads.items():
        guards = []
        for place in places:
            here = [interface for interface in local if interface.place == place]
            chains |= _side(wanted, place, direction, here, interfaces)
            names = a_set(quoted(interface.name) for interface in here)
            guards.append(f"{wires[direction]} {names} goto {_chain_name(direction, place)}")
        chains[direction.lower()] = [*head, *guards]
    if wanted.lost and own_wire is None:
        # Before any rule is asked, as a network drops what it has no route for.
        drop = f'ip daddr {a_set(wanted.lost)} counter drop comment "no-route"'
        chains["routes"] = ["type filter hook forward priority filter - 2; policy accept;", drop]
    # A table must exist to be deleted; naming it first makes the script work both times.
    return "\n".join(
        [
            f"table {TABLE}",
            f"delete table {TABLE}",
            f"table {TABLE} {{",
            *(line for name, lines in chains.items() for line in _chain(name, lines)),
            "}",
            "",
        ]
    )


def _side(
    wanted: Wanted, place: Place, direction: str, local: Sequence[Interface], interfaces: Sequence[Interface]
) -> dict[str, list[str]]:
    """The chains of one side of one place, those that others jump to first."""
    name = _chain_name(direction, place)
    chains: dict[str, list[str]] = {}

    def asked(policies: Iterable[Json]) -> list[str]:
        jumps = []
        for policy in policies:
            lines = _policy_lines(policy, wanted, place, direction, local, interfaces)
            if lines:
                chain = f"{name}/{len(chains) + 1}-{_identifier(str(policy['name']))}"
                chains[chain] = lines
                jumps.append(f"jump {chain}")
        return jumps

    policies = wanted.policies.get(place, [])
    above = asked(policy for policy in policies if policy["type"] not in _OF_NETWORK)
    of_network = asked(policy for policy in policies if policy["type"] in _OF_NETWORK)
    vpc = _vpc_lines(wanted.rules, place, direction, local, interfaces)
    order = wanted.networks.get(place[0], {}).get("networkFirewallPolicyEnforcementOrder")
    ordered = [*of_network, *vpc] if order == "BEFORE_CLASSIC_FIREWALL" else [*vpc, *of_network]
    return chains | {name: [*above, *ordered, _IMPLIED[direction]]}


def _policy_lines(
    policy: Json,
    wanted: Wanted,
    place: Place,
    direction: str,
    local: Sequence[Interface],
    interfaces: Sequence[Interface],
) -> list[str]:
    rules = sorted(policy.get("rules", []), key=lambda rule: rule["priority"])
    clauses = (
        policy_clause(str(policy["name"]), rule, place, local, interfaces, wanted)
        for rule in rules
        if not rule.get("disabled")
    )
    return [line for clause in clauses if clause.direction == direction for line in clause.lines(local)]


def _vpc_lines(
    rules: Iterable[Json], place: Place, direction: str, local: Sequence[Interface], interfaces: Sequence[Interface]
) -> list[str]:
    enforced = sorted(
        (
            rule
            for rule in rules
            if not rule["disabled"] and rule["direction"] == direction and path_of(rule["network"]) == place[0]
        ),
        key=lambda rule: (rule["priority"], "allowed" in rule, rule["name"]),
    )
    return [line for rule in enforced for line in vpc_clause(rule, local, interfaces).lines(local)]


def _chain_name(direction: str, place: Place) -> str:
    network, region = place
    return f"{direction.lower()}/{_identifier(network.rpartition('/')[2])}/{_identifier(region)}"


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", text)


def _chain(name: str, lines: Iterable[str]) -> list[str]:
    return [f"  chain {name} {{", *(f"    {line}" for line in lines), "  }"]
