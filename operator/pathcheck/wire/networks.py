"""VPC networks: the order in which their policies are asked, and with whom they are peered → `Network`.

https://cloud.google.com/compute/docs/reference/rest/v1/networks
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pathcheck.model.firewall import Problem
from pathcheck.model.machines import Network
from pathcheck.wire.compute import Unreadable, items, mapping, network_meant, network_name, shown

# The first is what networks have that say nothing.
_ORDERS = {"AFTER_CLASSIC_FIREWALL": False, "BEFORE_CLASSIC_FIREWALL": True}


def networks_of(
    raw_networks: Sequence[object], used: Collection[str], project: str, problems: list[Problem]
) -> tuple[Network, ...]:
    """Those of a recording's `networks` that can be read; what cannot is added to `problems`.

    `used` are the names of the networks in which machines' interfaces are.
    """
    found = (_network(raw, f"networks[{index}]", used, project, problems) for index, raw in enumerate(raw_networks))
    return tuple(network for network in found if network is not None)


def _network(raw: object, place: str, used: Collection[str], project: str, problems: list[Problem]) -> Network | None:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str) or not raw["name"].isprintable():
        problems.append(Problem(place, "is no network"))
        return None
    # Of the projects of a Shared VPC only the link says which one this is of.
    name = network_meant(shown(raw.get("selfLink") or raw["name"]), project, used)
    order = raw.get("networkFirewallPolicyEnforcementOrder") or "AFTER_CLASSIC_FIREWALL"
    before_classic = _ORDERS.get(order) if isinstance(order, str) else None
    if before_classic is None:
        why = f"networkFirewallPolicyEnforcementOrder: {order!r} is not known to this version"
        problems.append(Problem(name, why))
    peers = set()
    try:
        for each in items(raw, "peerings"):
            peering = mapping(each, "peerings")
            if peering.get("state", "ACTIVE") == "ACTIVE" and peering.get("network"):
                peers.add(network_name(shown(peering["network"]), project))
    except Unreadable as why:
        problems.append(Problem(name, str(why)))
    return Network(name, before_classic, frozenset(peers))
