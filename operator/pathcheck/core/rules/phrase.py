"""How is a firewall's decision said? One clause that names the rule, or the missing one, with its ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from pathcheck.core.rules.near_misses import l4_of, listed, remote_of
from pathcheck.core.rules.walk import spoken_of
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import Endpoint, Flow, Range
from pathcheck.model.machines import Interface
from pathcheck.model.rules import Rule
from pathcheck.model.words import Direction, Prediction


def describe(
    flows: Sequence[Flow], explanation: Explanation, firewall: Firewall, sources: Sequence[Range], traffic: str = ""
) -> str:
    """Why these flows, which share an explanation, are predicted so.

    `sources` are ranges to speak of instead of single addresses; those the cloud delivers to the sender's machine come first.
    `traffic` says in words what they carry, where they are examples of more.
    """
    if explanation.prediction in (Prediction.UNDETERMINED, Prediction.INSPECTED):
        return explanation.why
    rules = [rule for name in explanation.decided_by if (rule := firewall.rule(name)) is not None]
    names = [name.removeprefix("firewall:") for name in explanation.decided_by]
    nearest = f"; nearest: {explanation.near_misses[0].sentence}" if explanation.near_misses else ""
    way = "to" if explanation.direction is Direction.EGRESS else "from"
    if explanation.prediction is Prediction.PERMITTED:
        outside = [f.destination for f in flows if f.destination.instance is None]
        # A VIP or a forgotten machine would read as a way that is open, where only its sender was asked.
        half = f"; no recorded machine has {outside[0].address}, only the sender's rules were asked" if outside else ""
        if not rules:
            return f"permitted by {', '.join(names)}{half if explanation.direction else ''}"
        admits = " and ".join(f"{_with_place(r)} admits {l4_of(r.l4)} {way} {remote_of(r)}" for r in rules)
        return f"{admits}{half}"
    behind = _behind(explanation)
    if not rules:
        l4s = traffic or ", ".join(map(str, sorted({f.l4 for f in flows})))
        ranges = listed(_ranges(flows, firewall, sources))
        missing = f"no rule admits {ranges} → {l4s} {_targets(flows, firewall)}"
        return f"blocked by {', '.join(names)}: {missing}{behind}{nearest}"
    rule = rules[0]
    number = f" (priority {rule.priority})" if not rule.policy else ""
    denies = f"denies {l4_of(rule.l4)} {way} {remote_of(rule)}"
    return f"blocked by {spoken_of(rule)}{number}, which {denies}{behind}{nearest}"


def _with_place(rule: Rule) -> str:
    return spoken_of(rule) if rule.policy else f"{spoken_of(rule)} ({rule.priority})"


def _behind(explanation: Explanation) -> str:
    """Who takes the first obstacle away must not have to come again for the next."""
    others = [o.name.removeprefix("firewall:") for o in explanation.obstacles if o.name not in explanation.decided_by]
    return f"; also in the way: {listed(others)}" if others else ""


def range_of(endpoint: Endpoint, firewall: Firewall) -> Range:
    """The pod range that the cloud delivers to the endpoint's machine and that holds its address; else the address alone."""
    interfaces: list[Interface] = [
        i for m in (firewall.machines(endpoint.instance) if endpoint.instance else ()) for i in m.interfaces
    ]
    delivered = [r for i in interfaces for r in (*i.alias_ranges, *i.routed_ranges) if endpoint.address in r]
    return max(delivered, key=lambda r: r.prefixlen) if delivered else ip_network(endpoint.address)


def _ranges(flows: Sequence[Flow], firewall: Firewall, sources: Sequence[Range]) -> Iterable[Range]:
    found: set[Range] = set()
    for flow in flows:
        own = range_of(flow.source, firewall)
        wider = next((r for r in sources if flow.source.address in r), own)
        found.add(wider if own.num_addresses == 1 else own)
    # Not merged: people know their nodes' ranges, and two neighbours' /24 would read as a /23 that nobody has seen before.
    return sorted(found, key=lambda r: (r.version, r))


def _targets(flows: Sequence[Flow], firewall: Firewall) -> str:
    """By the tags that all target machines have, else by name."""
    names = list(dict.fromkeys(f.destination.instance or str(f.destination) for f in flows))
    machines = [m for name in names for m in firewall.machines(name)]
    common = frozenset.intersection(*(m.tags for m in machines)) if len(machines) == len(names) else frozenset()
    return f"on nodes tagged {listed(sorted(common))}" if common else f"on {listed(names)}"
