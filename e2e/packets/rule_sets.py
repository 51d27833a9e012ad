"""Rule sets by chance, as the API accepts them, around the few values at which a packet's fate can turn.

Values are few on purpose: two rules that know the same ports, ranges and tags meet on a packet far more often than
two that were drawn from everything there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Rule = dict[str, Any]

# Few rules shrink best; many meet one another.
_FEW, _MANY = (0, 3), (5, 9)
# The borders (65535 is the implied rules' own), and so few between them that ties are common.
_PRIORITIES = (0, 900, 1000, 65534, 65535)
_NAMED = ("icmp", "esp", "ah", "ipip")
_NUMBERED = ("1", "4", "47", "50", "51", "58", "253")
_WITH_PORTS = ("tcp", "udp", "sctp", "6", "17", "132")
_PORTS = ("0", "53", "50-53", "53-8000", "1-65535", "0-65535", "8000-8010", "65535", "54-65534")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What rules may speak of. Ranges are one list for each family, for a rule cannot mix them, the widest one first."""

    networks: Sequence[str]
    ranges: Sequence[Sequence[str]]
    tags: Sequence[str]
    accounts: Sequence[str]
    secure_tags: Sequence[str]
    groups: Sequence[str]
    regions: Sequence[str]
    root: str


def rule_sets(vocabulary: Vocabulary) -> st.SearchStrategy[list[Rule]]:
    """Lists of bodies for firewalls.insert, each rule with a name of its own."""
    drawn = st.one_of(*(st.lists(_rules(vocabulary), min_size=low, max_size=high) for low, high in (_FEW, _MANY)))
    # Where nothing comes in anyway, what deny rules and egress rules do cannot be seen: half of the sets let all in at last.
    background = st.sampled_from(([], _everything_in(vocabulary)))
    return st.tuples(drawn, background).map(
        lambda both: [{"name": f"rule-{place}", **rule} for place, rule in enumerate([*both[0], *both[1]])]
    )


def _everything_in(vocabulary: Vocabulary) -> list[Rule]:
    return [
        {"network": network, "sourceRanges": [everywhere], "allowed": [{"IPProtocol": "all"}], "priority": 65534}
        for network in sorted(set(vocabulary.networks))
        for everywhere, *_ in vocabulary.ranges
    ]


@st.composite
def _rules(draw: st.DrawFn, vocabulary: Vocabulary) -> Rule:
    rule: Rule = {
        "network": draw(st.sampled_from(vocabulary.networks)),
        "direction": draw(st.sampled_from(("INGRESS", "EGRESS"))),
        draw(st.sampled_from(("allowed", "denied"))): draw(st.lists(entries("IPProtocol"), min_size=1, max_size=3)),
        "priority": draw(st.sampled_from(_PRIORITIES)),
        # One in four: a rule that does not exist tests nothing else.
        "disabled": draw(st.sampled_from((False, False, False, True))),
    }
    family = draw(st.sampled_from(vocabulary.ranges))
    ranges = st.one_of(st.just([family[0]]), st.lists(st.sampled_from(family), min_size=1, max_size=3, unique=True))
    tags = st.lists(st.sampled_from(vocabulary.tags), min_size=1, max_size=2, unique=True)
    accounts = st.lists(st.sampled_from(vocabulary.accounts), min_size=1, max_size=2, unique=True)
    # Tags and service accounts cannot meet in one rule.
    kind, names = draw(st.sampled_from((("Tags", tags), ("ServiceAccounts", accounts))))
    if draw(st.booleans()):
        rule[f"target{kind}"] = draw(names)
    if rule["direction"] == "EGRESS":
        rule["destinationRanges"] = draw(ranges)
        if draw(st.booleans()):
            rule["sourceRanges"] = draw(ranges)
        return rule
    sources = draw(st.sampled_from(("ranges", "names", "both")))
    if sources != "names":
        rule["sourceRanges"] = draw(ranges)
    if sources != "ranges":
        rule[f"source{kind}"] = draw(names)
    if draw(st.sampled_from((False, False, True))):
        rule["destinationRanges"] = draw(ranges)
    return rule


def entries(protocol: str) -> st.SearchStrategy[dict[str, Any]]:
    """Protocols with ports or without, the protocol under this name: VPC rules and policies spell it differently."""
    ports = st.lists(st.sampled_from(_PORTS), min_size=1, max_size=2, unique=True)
    return st.one_of(
        st.fixed_dictionaries({protocol: st.sampled_from(("all", *_WITH_PORTS, *_NAMED, *_NUMBERED))}),
        st.fixed_dictionaries({protocol: st.sampled_from(_WITH_PORTS), "ports": ports}),
    )
