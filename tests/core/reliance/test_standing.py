"""Which rules could go whatever anybody asks: held against tables of all packets there are, with and without each rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pathcheck.core.changes.whatif import without
from pathcheck.core.reliance.standing import Stand, Standing, standings
from pathcheck.core.rules.index import LOWEST_PRIORITY, index_of
from pathcheck.core.rules.places import Place, place_of, side_of
from pathcheck.core.rules.predict import METADATA_SERVERS
from pathcheck.core.rules.tabulate import tabulate
from pathcheck.core.rules.walk import matches, walk
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Address, Endpoint, Flow, Range
from pathcheck.model.rules import Rule
from pathcheck.model.words import Action, Direction
from pathcheck.wire.firewall_rules import firewall_of
from tests.core.rules.test_tabulate import firewalls
from tests.evaluator.strategies import Json, examples, recordings
from tests.evaluator.world import allow, policy, step, world
from tests.recordings import Raw, entry, firewall, machine, rule

GONE = (Standing.REDUNDANT, Standing.SHADOWED, Standing.UNMET, Standing.UNAPPLIED)


# All packets there are: one for each piece that no rule can tell apart


def rules_of(fw: Firewall) -> list[Rule]:
    return [*fw.rules, *(r for p in fw.policies for r in p.rules)]


def addresses(fw: Firewall) -> list[Address]:
    """The first of every piece into which ranges of rules and of machines cut the addresses."""
    own = [r for m in fw.instances for i in m.interfaces for r in (*i.primary, *i.alias_ranges, *i.routed_ranges)]
    told = [r for rule in rules_of(fw) for r in (*rule.remote_ranges, *rule.local_ranges)]
    cuts = {ip_address("0.0.0.0"), ip_address("::")}
    for r in (*own, *told):
        cuts.add(r.network_address)
        if int(r.broadcast_address) + 1 < 1 << r.max_prefixlen:
            cuts.add(r.broadcast_address + 1)
    return sorted(cuts - METADATA_SERVERS, key=lambda a: (a.version, a))


def l4s(fw: Firewall) -> list[L4]:
    entries = [e for rule in rules_of(fw) for e in rule.l4]
    found = []
    for protocol in sorted({e.protocol for e in entries if e.protocol is not None} | WITH_PORTS | {253}):
        if protocol not in WITH_PORTS:
            found.append(L4(protocol))
            continue
        edges = {edge for e in entries if e.protocol == protocol for p in e.ports for edge in (p.first, p.last + 1)}
        found += [L4(protocol, port) for port in sorted({0, *edges}) if port <= 65535]
    return found


def all_ends(fw: Firewall, network: str) -> tuple[list[Endpoint], list[Endpoint]]:
    """Local ends in this network: every machine with every address. Remote ones: every machine with its own addresses, and nobody."""
    near, far = [], []
    delivered: list[Range] = []
    for m in fw.instances:
        for i in m.interfaces:
            ranges = (*i.primary, *i.alias_ranges, *i.routed_ranges)
            own = [a for a in addresses(fw) if any(a in r for r in ranges)]
            far += [Endpoint(a, instance=m.name, nic=i.name) for a in own]
            if i.network == network:
                near += [Endpoint(a, instance=m.name, nic=i.name) for a in addresses(fw)]
            if i.network in {network, *(fw.network(network).peers or ())}:
                delivered += ranges
    far += [Endpoint(a) for a in addresses(fw) if not any(a in r for r in delivered)]
    return near, far


def packets(fw: Firewall, direction: Direction) -> Iterator[tuple[list[Endpoint], list[Endpoint]]]:
    """Sources and destinations, for each network whose rules of this direction are asked."""
    for network in sorted({i.network for m in fw.instances for i in m.interfaces}):
        near, far = all_ends(fw, network)
        yield (far, near) if direction is Direction.INGRESS else (near, far)


def predicted(fw: Firewall, of: Firewall, direction: Direction) -> list[bytes]:
    """Of every packet that there is to the rules of `of`."""
    tables = [(tabulate(a, b, l4s(of), fw), a) for a, b in packets(of, direction)]
    return [bytes(row) for table, _ in tables for k in range(len(l4s(of))) for row in table.rows(k)]


def needed(fw: Firewall, judged: Iterable[Rule]) -> set[str]:
    """The rules without which some packet is predicted otherwise."""
    found = set()
    for direction in Direction:
        own = [r for r in judged if r.direction is direction]
        now = predicted(fw, fw, direction) if own else []
        found |= {r.id for r in own if predicted(without(fw, frozenset({r.id})), fw, direction) != now}
    return found


def judged(fw: Firewall) -> list[Rule]:
    return [r for r in rules_of(fw) if r.in_force and ":" in r.id]


def uncertain(rule: Rule) -> bool:
    return bool(rule.cannot_tell or rule.condition or rule.remote_unsure or rule.local_unsure)


def ids(stands: Iterable[Stand], *standings_: Standing) -> set[str]:
    return {stand.rule.id for stand in stands if stand.standing in standings_}


def deciders(fw: Firewall) -> set[str]:
    """The rules that decide any packet on one of its sides, or hand it on."""
    found: set[str] = set()
    for direction in Direction:
        seen = set()
        for network in sorted({i.network for m in fw.instances for i in m.interfaces}):
            near, far = all_ends(fw, network)
            places = [(end, place_of(end, fw)) for end in far]
            for here, local in ((end, place_of(end, fw)) for end in near):
                assert isinstance(local, Place)
                for there, remote in places:
                    if here.address.version != there.address.version or there.instance == here.instance:
                        continue
                    ends = (there, here) if direction is Direction.INGRESS else (here, there)
                    side = side_of(direction, Flow(*ends, L4(0)), local, remote, fw)
                    seen.add((local.interface.network, local.interface.region, side.target, side.near, side.far))
        for network, region, target, near_, far_ in seen:
            index = index_of(fw, network, region, direction)
            for l4 in l4s(fw):
                answer = walk(index, direction, matches(index, target, near_, far_, index.traffic(l4)))
                found |= {r.id for r in (*answer.rules, *answer.handed_on)}
    return found


@examples(30)
@given(firewalls())
def test_needed_is_what_some_packet_misses(fw: Firewall) -> None:
    """No rule that is called needed could go, and every other one could, if anything is said of it at all."""
    stands, missed = standings(fw), needed(fw, judged(fw))
    untold = ids(stands, Standing.UNTOLD)
    assert ids(stands, Standing.NEEDED) == missed - untold
    assert not ids(stands, *GONE) & missed
    # Which policies the network `other` has is not known.
    if not any(uncertain(r) or r.priority == LOWEST_PRIORITY for r in judged(fw)):
        assert {s.rule.network for s in stands if s.standing is Standing.UNTOLD} <= {"other"}


@examples(30)
@given(firewalls())
def test_shadowed_is_what_decides_no_packet(fw: Firewall) -> None:
    """Shadowed, unmet and unapplied rules are never met as deciders; all that are told to be needed or redundant are."""
    stands, met = standings(fw), deciders(fw)
    assert not ids(stands, Standing.SHADOWED, Standing.UNMET, Standing.UNAPPLIED) & met
    if not any(uncertain(r) for r in rules_of(fw) if r.in_force):
        assert ids(stands, Standing.NEEDED, Standing.REDUNDANT) <= met


@examples(30)
@given(firewalls())
def test_those_that_shadow_a_rule_are_enough(fw: Firewall) -> None:
    """With them and nothing else before it, it decides nothing either."""
    for stand in standings(fw):
        if stand.standing is Standing.SHADOWED:
            others = frozenset(r.id for r in rules_of(fw)) - {stand.rule.id, *stand.by}
            assert ids(standings(without(fw, others)), Standing.SHADOWED) >= {stand.rule.id}


def resolved(rule: Rule, data: st.DataObject) -> list[Rule]:
    """What a rule that cannot be judged may be: nothing at all, or one that surely matches where it may match."""
    if not uncertain(rule):
        return [rule]
    if data.draw(st.booleans()):
        if rule.remote_unsure and not rule.cannot_tell and not rule.condition:
            return [replace(rule, remote_unsure="", remote_tags=rule.remote_tags | {"nobody's"})]
        return []
    actions = [Action.ALLOW, Action.DENY, *([Action.GOTO_NEXT] if rule.policy else [])]
    anything = {"remote_ranges": (), "remote_tags": frozenset(), "remote_unsure": "", "target_tags": frozenset()}
    surely: dict[str, Any] = {"cannot_tell": "", "condition": ""}
    if rule.cannot_tell:
        surely |= anything | {"action": data.draw(st.sampled_from(actions))}
        surely |= {"priority": data.draw(st.sampled_from([0, 1, 2]))} if not rule.priority else {}
    elif rule.remote_unsure:
        surely |= {"remote_ranges": (), "remote_tags": frozenset(), "remote_unsure": ""}
    return [replace(rule, **surely)]


@examples(60)
@given(firewalls(), st.data())
def test_what_cannot_be_judged_may_be_anything(fw: Firewall, data: st.DataObject) -> None:
    """What is said to be able to go could go, whatever the rules that cannot be judged turn out to be."""
    own = tuple(r for rule in fw.rules for r in resolved(rule, data))
    policies = tuple(replace(p, rules=tuple(r for rule in p.rules for r in resolved(rule, data))) for p in fw.policies)
    clear = replace(fw, rules=own, policies=policies)
    gone = ids(standings(fw), *GONE)
    assert not gone & needed(clear, [r for r in judged(clear) if r.id in gone])


@examples(30)
@given(recordings())
def test_needed_is_what_some_packet_misses_in_any_cloud(raw: Json) -> None:
    """The same with peers, secure tags, address groups, both families, several regions, and lists that could not be read."""
    fw = firewall_of(raw)
    assume(all(len(fw.machines(m.name)) == 1 for m in fw.instances))
    stands, missed = standings(fw), needed(fw, judged(fw))
    assert ids(stands, Standing.NEEDED) <= missed
    assert not ids(stands, *GONE) & missed


# One sentence a fact: the rules, and how the last one of them stands.

TWO = [machine("node-1", "10.142.15.205"), machine("web", "10.142.15.206", tags={"items": ["web"]})]
PODS: dict[str, Any] = {"sourceRanges": ["10.24.0.0/14"]}
DENY: dict[str, Any] = {"denied": [entry("udp")]}

EXAMPLES: dict[str, tuple[list[Raw], dict[str, Any], str]] = {
    "what nobody else does is needed": ([rule("a"), rule("r", allowed=[entry("tcp")])], {}, "needed"),
    "a wider rule before it shadows it": ([rule("a", priority=1), rule("r", **PODS)], {}, "shadowed by a"),
    "two narrower ones do so together": (
        [rule("a", priority=1, sourceRanges=["0.0.0.0/1"]), rule("b", priority=1, sourceRanges=["128.0.0.0/1"]), rule("r")],
        {}, "shadowed by a, b",
    ),
    "all but one port is not all": (
        [rule("a", priority=1, allowed=[entry("udp", "0-65534")]), rule("r", denied=[entry("udp")], **PODS)],
        {"extra": rule("b", priority=2000)}, "needed",
    ),
    "a deny that repeats the implied one is redundant": ([rule("r", **DENY)], {}, "redundant by implied-deny-ingress"),
    "not where something behind it admits": ([rule("a", priority=2000), rule("r", **DENY)], {}, "needed"),
    "of two alike either may go": ([rule("a"), rule("r")], {}, "redundant by a"),
    "a narrower one of the same priority may go": ([rule("a"), rule("r", **PODS)], {}, "redundant by a"),
    "for machines that are not there": ([rule("r", targetTags=["gone"])], {}, "unapplied"),
    "from machines that are not there": ([rule("r", sourceRanges=None, sourceTags=["gone"])], {}, "unmet"),
    "between the machines of one tag, of which there is one": (
        [rule("r", sourceRanges=None, sourceTags=["web"], targetTags=["web"])], {"instances": TWO}, "unmet",
    ),
    "a tag's sender that may not send makes the rule redundant": (
        [
            rule("e", direction="EGRESS", denied=[entry("all")], targetTags=["web"]),
            rule("r", sourceRanges=None, sourceTags=["web"]),
        ],
        {"instances": TWO}, "redundant by e",
    ),
    "not if it may send something": (
        [
            rule("e", direction="EGRESS", denied=[entry("udp", "1-65535")], targetTags=["web"]),
            rule("r", sourceRanges=None, sourceTags=["web"]),
        ],
        {"instances": TWO}, "needed",
    ),
    "a machine's own range is not only its own address": (
        [rule("r", destinationRanges=["192.0.2.7/32"])], {}, "needed",
    ),
    "only the metadata server": (
        [rule("r", direction="EGRESS", denied=[entry("all")], destinationRanges=["169.254.169.254/32"])], {}, "unmet",
    ),
    "an allow that ties with the implied deny": (
        [rule("r", priority=65535)], {}, "untold: it ties with the implied deny at priority 65535",
    ),
    "one that cannot be judged": ([rule("r", colour="red")], {}, "untold: colour: is not known to this version"),
    "behind one that cannot be judged": (
        [rule("odd", priority=1, colour="red"), rule("r")], {}, "untold: firewall:odd cannot be judged",
    ),
    "behind one that cannot be judged, and surely shadowed": (
        [rule("odd", priority=1, colour="red"), rule("a", priority=2), rule("r")], {}, "shadowed by a",
    ),
    "before one that cannot be judged": ([rule("odd", colour="red"), rule("r", priority=1, **DENY)], {}, "needed"),
}  # fmt: skip


def spoken(stand: Stand) -> str:
    by = ", ".join(id_.removeprefix("firewall:") for id_ in stand.by)
    return stand.standing + (f" by {by}" if by else "") + (f": {stand.why}" if stand.why else "")


@pytest.mark.parametrize("sentence", EXAMPLES)
def test_a_fact(sentence: str) -> None:
    """The sentence holds."""
    rules, changes, expected = EXAMPLES[sentence]
    fw = firewall(*rules, *([changes.pop("extra")] if "extra" in changes else []), **changes)
    (stand,) = [s for s in standings(fw) if s.rule.name == "r"]
    assert spoken(stand) == expected


def handing_on(*first: Json) -> dict[str, str]:
    """How rules of a hierarchical policy stand, before a VPC rule that admits tcp/80 from everywhere."""
    fw = of_one_region(world(allow("web", "tcp:80"), policies=[policy("1", "HIERARCHY", *first)]))
    return {s.rule.spoken: spoken(s) for s in standings(fw)}


def of_one_region(raw: Json) -> Firewall:
    """Only the machines `a` and `b`, which are where the policies are asked."""
    fw = firewall_of(raw)
    return replace(fw, instances=tuple(m for m in fw.instances if m.name in ("a", "b")))


def test_a_rule_that_hands_on_may_be_redundant_or_shadow_others() -> None:
    """It is redundant where what it skips does nothing that is not done behind; what it skips as a whole is shadowed."""
    every: dict[str, Any] = {"srcIpRanges": ["0.0.0.0/0", "::/0"]}
    assert handing_on(step(1, "goto_next", **every)) == {
        "1/1": "redundant by web, implied-deny-ingress",
        "web": "needed",
    }
    assert handing_on(step(1, "goto_next", **every), step(2, "deny", **every)) == {
        "1/1": "needed",
        "1/2": "shadowed by policy:1/1",
        "web": "needed",
    }
    assert handing_on(step(1, "goto_next", "tcp:80", **every), step(2, "deny", **every)) == {
        "1/1": "needed",
        "1/2": "redundant by implied-deny-ingress",
        "web": "needed",
    }
    assert handing_on(step(2, "deny", **every)) == {"1/2": "needed", "web": "shadowed by policy:1/2"}


def test_a_rule_counts_in_every_region_in_which_it_is_asked() -> None:
    """A policy of one region shadows a VPC rule there only; where no machine is, nothing is asked."""
    every: dict[str, Any] = {"srcIpRanges": ["0.0.0.0/0", "::/0"]}
    raw = world(allow("web", "tcp:80"), policies=[policy("1", "HIERARCHY", step(1, "deny", **every))])
    both, one = (
        next(spoken(s) for s in standings(fw) if s.rule.name == "web") for fw in (firewall_of(raw), of_one_region(raw))
    )
    assert (both, one) == ("needed", "shadowed by policy:1/1")


def test_what_would_take_too_long_is_said_to_be_untold() -> None:
    """Never passed over, for one rule and for all of them."""
    fw = firewall(rule("a", priority=1), rule("r"), rule("s", allowed=[entry("tcp")]))
    assert {s.standing for s in standings(fw, one=0)} == {Standing.UNTOLD}
    assert {s.why for s in standings(fw, every=0)} == {
        "what is matched falls into too many pieces to look at each of them"
    }
    assert [s.standing for s in standings(fw, every=4)].count(Standing.UNTOLD) in (1, 2)
