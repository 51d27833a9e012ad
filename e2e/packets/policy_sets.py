"""Firewall policies by chance, as the API accepts them, beside the VPC rules of rule_sets.py and out of the same few values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from e2e.packets.rule_sets import Rule, Vocabulary, entries, rule_sets

ORDERS = ("AFTER_CLASSIC_FIREWALL", "BEFORE_CLASSIC_FIREWALL")

# Where policies can be: an organization and its folders have one each, a network as many as it likes.
_NODES = ("organizations/1", "folders/2", "folders/3")
_PER_NETWORK = ("global", "global", "regional", "regional")
_PRIORITIES = (0, 1, 1000, 65534, 2147483643)
_ASSOCIATIONS = (1, 1000, 2000)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy to make and to associate: with a node, or with a network, there in one region or in all (region "")."""

    name: str
    rules: Sequence[Rule]
    node: str = ""
    network: str = ""
    region: str = ""
    priority: int = 1000


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything that decides packets: bodies for firewalls.insert, policies, and by network the enforcement order."""

    rules: Sequence[Rule]
    policies: Sequence[Policy] = ()
    orders: Mapping[str, str] = field(default_factory=dict)


@st.composite
def policy_sets(draw: st.DrawFn, vocabulary: Vocabulary) -> RuleSet:
    """VPC rules, up to five policies and an order for every network."""
    most = draw(st.sampled_from((1, 5)))
    seats = draw(st.lists(st.sampled_from(range(len(_NODES) + len(_PER_NETWORK))), max_size=most, unique=True))
    policies = []
    for seat in seats:
        hierarchical = seat < len(_NODES)
        rules = st.lists(
            _rules(vocabulary, hierarchical), min_size=1, max_size=4, unique_by=lambda rule: rule["priority"]
        )
        place: dict[str, Any] = {"node": _NODES[seat]} if hierarchical else draw(_places(vocabulary, seat))
        policies.append(Policy(name=f"policy-{seat}", rules=draw(rules), **place))
    orders = {network: draw(st.sampled_from(ORDERS)) for network in sorted(set(vocabulary.networks))}
    return RuleSet(draw(rule_sets(vocabulary)), policies, orders)


def _places(vocabulary: Vocabulary, seat: int) -> st.SearchStrategy[dict[str, Any]]:
    regional = _PER_NETWORK[seat - len(_NODES)] == "regional"
    return st.fixed_dictionaries(
        {
            "network": st.sampled_from(vocabulary.networks),
            "region": st.sampled_from(vocabulary.regions) if regional else st.just(""),
            "priority": st.sampled_from(_ASSOCIATIONS),
        }
    )


@st.composite
def _rules(draw: st.DrawFn, vocabulary: Vocabulary, hierarchical: bool) -> Rule:
    direction = draw(st.sampled_from(("INGRESS", "EGRESS")))
    # Unlike a VPC rule's, ranges of both families may meet, and none at all is both families.
    ranges = st.lists(
        st.sampled_from([text for family in vocabulary.ranges for text in family]), min_size=1, max_size=3, unique=True
    )
    groups = st.lists(st.sampled_from(vocabulary.groups), min_size=1, max_size=2, unique=True)
    tags = st.lists(st.sampled_from(vocabulary.secure_tags), min_size=1, max_size=2, unique=True).map(
        lambda names: [{"name": name} for name in names]
    )
    far, own = ("src", "dest") if direction == "INGRESS" else ("dest", "src")
    ways: dict[str, st.SearchStrategy[Any]] = {f"{far}IpRanges": ranges, f"{far}AddressGroups": groups}
    combinations = [[], [*ways][:1], [*ways][1:], [*ways]]
    if direction == "INGRESS":
        ways["srcSecureTags"] = tags
        # Few machines have a tag, so that more rules must speak of them.
        combinations += [["srcSecureTags"], ["srcSecureTags"], *([way, "srcSecureTags"] for way in [*ways][:2])]
    match: Rule = {way: draw(ways[way]) for way in draw(st.sampled_from(combinations))}
    if draw(st.sampled_from((False, False, True))):
        match[f"{own}IpRanges"] = draw(ranges)
    # Every other rule by any protocol: narrow ones seldom meet behind one another.
    everything = st.just([{"ipProtocol": "all"}])
    match["layer4Configs"] = draw(st.one_of(everything, st.lists(entries("ipProtocol"), min_size=1, max_size=2)))
    rule: Rule = {
        "priority": draw(st.sampled_from(_PRIORITIES)),
        "action": draw(st.sampled_from(("allow", "deny", "goto_next"))),
        "direction": direction,
        "match": match,
        "disabled": draw(st.sampled_from((False, False, False, True))),
    }
    accounts = st.lists(st.sampled_from(vocabulary.accounts), min_size=1, max_size=2, unique=True)
    field, names = draw(
        st.sampled_from((("", None), ("", None), ("targetServiceAccounts", accounts), ("targetSecureTags", tags)))
    )
    if names is not None:
        rule[field] = draw(names)
    if hierarchical and draw(st.booleans()):
        networks = st.lists(st.sampled_from(sorted(set(vocabulary.networks))), min_size=1, max_size=1)
        rule["targetResources"] = [f"{vocabulary.root}/{network}" for network in draw(networks)]
    return rule
