"""Do signatures keep to what the evaluator says? Rules are known, some of them are deleted, and what then crosses is told from the rest.

`make test` tries a moderate number; PATHCHECK_FUZZ_EXAMPLES tries more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address
from itertools import product

from hypothesis import assume, given
from hypothesis import strategies as st

from pathcheck.core.rules.predict import predict
from pathcheck.core.signatures.signature import sign
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.rules import Rule
from pathcheck.model.signature import Ends, Pattern, Signature
from pathcheck.model.words import Action, Direction, Prediction
from pathcheck.wire.firewall_rules import firewall_of
from tests.builders import l4
from tests.evaluator.strategies import Json, examples, few, networks, policies, ranges, recordings, vpc_rules
from tests.evaluator.world import ENDS, PLACES, entries, world

TRIED = tuple(map(l4, ["icmp", "tcp/22", "tcp/80", "tcp/443", "tcp/8080", "udp/53", "udp/54", "sctp/9", "esp", "ipip"]))
SENDERS = ["a", "a-pod", "a-pod", "b-pod", "c", "c-pod", "far", "us", "internet"]
RECEIVERS = ["b", "b-pod", "b-pod", "a-pod", "c-pod", "c-hop", "gw", "us"]

ends = st.tuples(st.sampled_from(SENDERS), st.sampled_from(RECEIVERS)) | st.just(("a6", "b6"))
tried = st.lists(st.sampled_from(TRIED), min_size=5, unique=True)
some = st.integers(0, 2**30)
allowed = few("tcp:80", "tcp:22,443", "tcp", "udp:53", "udp", "icmp", "58", "tcp:0-1023", "esp", "sctp", "all")
denied = few("tcp:80", "tcp:22", "udp:53", "udp", "tcp:0-1023", "esp", most=1)


@st.composite
def rule_sets(draw: st.DrawFn, denies: bool) -> Json:
    """VPC rules that mostly are about everything, so that much crosses and not all of it."""
    rules = []
    for name in draw(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=8, unique=True)):
        action = draw(st.sampled_from(["allowed", "allowed", "denied"])) if denies else "allowed"
        direction = draw(st.sampled_from(["INGRESS"] * 4 + ["EGRESS"]))
        side = "source" if direction == "INGRESS" else "destination"
        rule = {
            "name": name,
            "direction": direction,
            action: entries("IPProtocol", " ".join(draw(allowed if action == "allowed" else denied))),
            f"{side}Ranges": draw(st.sampled_from([["0.0.0.0/0"], ["0.0.0.0/0"], ["10.0.0.0/8"], ["::/0"]]) | ranges),
            "priority": draw(st.sampled_from([999, 1000, 1000, 1001])),
        }
        if draw(st.integers(0, 5)) == 0:
            rule["targetTags"] = draw(few("web", "db"))
        rules.append(rule)
    return world(*rules)


@st.composite
def clouds(draw: st.DrawFn) -> Json:
    """Such rules between policies of every kind; or whatever clouds may have."""
    if draw(st.integers(0, 3)) == 0:
        return draw(recordings())
    recording = draw(rule_sets(denies=True))
    here = [draw(policies(2)), *([] for _ in PLACES[1:])]
    found = [
        {"network": network, "region": region, "answer": {"firewallPolicys": own}}
        for (network, region), own in zip(PLACES, here, strict=True)
    ]
    return recording | {"networks": draw(networks()), "effectiveFirewalls": found}


def end(name: str) -> Endpoint:
    address, instance = ENDS[name]
    return Endpoint(ip_address(address), instance=instance)


def rules_of(firewall: Firewall) -> list[Rule]:
    return [*firewall.rules, *(rule for policy in firewall.policies for rule in policy.rules)]


def only(firewall: Firewall, rules: Iterable[Rule]) -> Firewall:
    """With no other rules than these."""
    kept = set(rules)
    policies = tuple(replace(p, rules=tuple(r for r in p.rules if r in kept)) for p in firewall.policies)
    return replace(firewall, rules=tuple(r for r in firewall.rules if r in kept), policies=policies)


def left_of(firewall: Firewall, deleted: int) -> Firewall:
    """Without the rules whose bits are set."""
    return only(firewall, (rule for i, rule in enumerate(rules_of(firewall)) if not deleted >> i & 1))


def explained(path: Ends, each: L4, firewall: Firewall) -> Explanation:
    """Between IPv6 addresses ping is that of IPv6."""
    assert path.sender is not None
    assert path.receiver is not None
    sent = l4("icmpv6") if each == l4("icmp") and path.sender.address.version == 6 else each
    return predict(Flow(path.sender, path.receiver, sent), firewall)


def predicted(path: Ends, traffic: Iterable[L4], firewall: Firewall) -> dict[L4, Prediction]:
    return {each: explained(path, each, firewall).prediction for each in traffic}


def pattern_of(path: Ends, traffic: Iterable[L4], firewall: Firewall) -> Pattern:
    """What would be seen, as far as the evaluator can tell."""
    seen = predicted(path, traffic, firewall)
    crossing, silent = (
        tuple(sorted(each for each, prediction in seen.items() if prediction is wanted))
        for wanted in (Prediction.PERMITTED, Prediction.BLOCKED)
    )
    return Pattern(crossing, silent)


def seen(recording: Json, names: tuple[str, str], traffic: list[L4], deleted: int) -> tuple[Firewall, Firewall, Ends]:
    """The rules as known, those that are left, and the path, which lies between two machines."""
    known = firewall_of(recording)
    path = Ends(end(names[0]), end(names[1]))
    assert path.sender is not None
    assert path.receiver is not None
    assume(path.sender.address.version == path.receiver.address.version)
    assume(path.sender.instance != path.receiver.instance)
    return known, left_of(known, deleted), path


def check(signature: Signature, known: Firewall, left: Firewall, path: Ends) -> None:
    """All that must hold of a signature whose true rules are `left`."""
    pattern = signature.pattern
    assume(pattern.crossing and pattern.silent)
    exceptions = [r for r in rules_of(known) if (r.direction, r.action) == (Direction.EGRESS, Action.ALLOW)]
    for cause in signature.causes:
        for allows in list(product(*cause.allows))[:20]:
            # The sender's side permits what no rule denies; what it allows before a deny is no secret of the cause.
            alone = only(known, [*allows, *cause.denies, *exceptions])
            for each, prediction in predicted(path, (*pattern.crossing, *pattern.silent), alone).items():
                wished = each in pattern.crossing and each not in signature.unexplained
                wrong = Prediction.BLOCKED if wished else Prediction.PERMITTED
                assert prediction is not wrong, (cause, each)
    excluded, candidates = set(signature.excluded), set(signature.candidates)
    assert not excluded & candidates
    for each in pattern.crossing:
        decided = explained(path, each, left).ingress
        assert {rule for rule in rules_of(left) if rule.id in decided} <= candidates
    assert not excluded & set(rules_of(left))
    for rule in excluded:
        # Were it in force, the pattern would be another.
        back = only(known, [*rules_of(left), rule])
        assert any(p is not Prediction.BLOCKED for p in predicted(path, pattern.silent, back).values()), rule


@examples(40)
@given(rule_sets(denies=False), ends, tried, some)
def test_what_allow_rules_made_is_always_explained(
    recording: Json, names: tuple[str, str], traffic: list[L4], deleted: int
) -> None:
    """By rules that, alone in force, make the same pattern; what decided is a candidate, what is excluded was deleted."""
    known, left, path = seen(recording, names, traffic, deleted)
    pattern = pattern_of(path, traffic, left)
    signature = sign(pattern, path, known)
    assert signature.told or not pattern.crossing
    check(signature, known, left, path)


@examples(40)
@given(rule_sets(denies=True), ends, tried, some)
def test_what_denies_took_part_in_is_never_told_wrongly(
    recording: Json, names: tuple[str, str], traffic: list[L4], deleted: int
) -> None:
    """Where an explanation is found it makes the pattern, and no rule is said not to be in force that is."""
    known, left, path = seen(recording, names, traffic, deleted)
    check(sign(pattern_of(path, traffic, left), path, known), known, left, path)


@examples(40)
@given(clouds(), ends, tried, some)
def test_nothing_that_clouds_have_makes_it_wrong(
    recording: Json, names: tuple[str, str], traffic: list[L4], deleted: int
) -> None:
    """Policies, goto_next, secure tags, rules that cannot be read, several networks: what is not known is only possible."""
    known, left, path = seen(recording, names, traffic, deleted)
    check(sign(pattern_of(path, traffic, left), path, known), known, left, path)


@examples(40)
@given(clouds(), ends, tried, some, st.integers(1, 3))
def test_ends_that_are_not_named_take_nothing_back(
    recording: Json, names: tuple[str, str], traffic: list[L4], deleted: int, unnamed: int
) -> None:
    """Whoever does not say between which machines it was is told less, and nothing else of what is not in force."""
    known, left, path = seen(recording, names, traffic, deleted)
    # Without any address, ping is taken for that of IPv4.
    assume(names != ("a6", "b6") or unnamed < 3)
    pattern = pattern_of(path, traffic, left)
    vague = Ends(None if unnamed & 1 else path.sender, None if unnamed & 2 else path.receiver)
    told, vaguely = sign(pattern, path, known), sign(pattern, vague, known)
    assert set(told.candidates) <= set(vaguely.candidates)
    assert not set(vaguely.excluded) & set(told.candidates)


@examples(40)
@given(rule_sets(denies=True), vpc_rules("more"), ends, tried)
def test_all_rules_in_force_explain_what_they_make(
    recording: Json, more: Json, names: tuple[str, str], traffic: list[L4]
) -> None:
    """Nothing was deleted: then no rule is excluded, and whatever crosses is explained, however many denies take part."""
    recording["firewalls"].append(more)
    known, left, path = seen(recording, names, traffic, 0)
    pattern = pattern_of(path, traffic, left)
    signature = sign(pattern, path, known)
    assert signature.excluded == ()
    assert signature.told or not pattern.crossing
