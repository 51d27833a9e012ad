"""Which rules could go whatever anybody asks: held against tables of all packets there are, with and without each rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from pathcheck.core.index import LOWEST_PRIORITY, index_of
from pathcheck.core.places import Place, place_of, side_of
from pathcheck.core.predict import METADATA_SERVERS
from pathcheck.core.standing import Stand, Standing, standings
from pathcheck.core.tabulate import tabulate
from pathcheck.core.walk import matches, walk
from pathcheck.core.whatif import without
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Address, Endpoint, Flow, Range
from pathcheck.model.rules import Rule
from pathcheck.model.words import Action, Direction
from pathcheck.wire.firewall_rules import firewall_of
from tests.core.test_tabulate import firewalls
from tests.evaluator.strategies import Json, examples, recordings

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


@examples(12)
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


@examples(12)
@given(firewalls())
def test_shadowed_is_what_decides_no_packet(fw: Firewall) -> None:
    """Shadowed, unmet and unapplied rules are never met as deciders; all that are told to be needed or redundant are."""
    stands, met = standings(fw), deciders(fw)
    assert not ids(stands, Standing.SHADOWED, Standing.UNMET, Standing.UNAPPLIED) & met
    if not any(uncertain(r) for r in rules_of(fw) if r.in_force):
        assert ids(stands, Standing.NEEDED, Standing.REDUNDANT) <= met


@examples(12)
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


@examples(25)
@given(firewalls(), st.data())
def test_what_cannot_be_judged_may_be_anything(fw: Firewall, data: st.DataObject) -> None:
    """What is said to be able to go could go, whatever the rules that cannot be judged turn out to be."""
    own = tuple(r for rule in fw.rules for r in resolved(rule, data))
    policies = tuple(replace(p, rules=tuple(r for rule in p.rules for r in resolved(rule, data))) for p in fw.policies)
    clear = replace(fw, rules=own, policies=policies)
    gone = ids(standings(fw), *GONE)
    assert not gone & needed(clear, [r for r in judged(clear) if r.id in gone])


@examples(12)
@given(recordings())
def test_needed_is_what_some_packet_misses_in_any_cloud(raw: Json) -> None:
    """The same with peers, secure tags, address groups, both families, several regions, and lists that could not be read."""
    fw = firewall_of(raw)
    assume(all(len(fw.machines(m.name)) == 1 for m in fw.instances))
    stands, missed = standings(fw), needed(fw, judged(fw))
    assert ids(stands, Standing.NEEDED) <= missed
    assert not ids(stands, *GONE) & missed
