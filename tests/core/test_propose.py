"""The smallest rule that mends it, or None."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given

from pathcheck.core.predict import predict
from pathcheck.core.propose import propose
from pathcheck.model.firewall import Fix
from pathcheck.model.rules import L4Match, PortRange, Rule
from pathcheck.model.words import Action, Direction, Prediction
from tests.core.test_predict import rule_lists
from tests.recordings import NODE_ACCOUNT, NODE_TAG, PROJECT, Raw, asked, entry, firewall, machine, recording, rule

SOURCES = (ip_network("10.24.12.0/24"), ip_network("10.24.13.0/24"))
DNS = [
    asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53"),
    asked("10.24.12.40@node-2", "10.24.9.31@node-1", "tcp/53"),
    asked("10.24.13.7@node-3", "10.24.9.31@node-1", "udp/53"),
]
SMALLEST = Rule(
    name="pathcheck-kube-dns",
    network="default",
    direction=Direction.INGRESS,
    priority=1000,
    action=Action.ALLOW,
    l4=(L4Match(6, (PortRange(53, 53),)), L4Match(17, (PortRange(53, 53),))),
    remote_ranges=(ip_network("10.24.12.0/23"),),
    target_tags=frozenset({NODE_TAG}),
)


def test_the_story_is_mended_by_one_rule() -> None:
    """Ranges of the sources merged, protocols and ports of the flows, the targets' tag, the default priority."""
    sentence = f"a rule that admits tcp/53, udp/53 from 10.24.12.0/23 on machines with tag {NODE_TAG}"
    assert propose("kube-dns", DNS, SOURCES, [], firewall()) == Fix(PROJECT, SMALLEST, 3, sentence)


# sentence: (rules, what is otherwise in the proposed rule; None for no fix at all)
CHANGES: dict[str, tuple[list[Raw], Raw | None]] = {
    "a deny is beaten by one number": ([rule("d", priority=700, denied=[entry("all")])], {"priority": 699}),
    "a deny at 1000 too, for deny wins ties": ([rule("d", denied=[entry("all")])], {"priority": 999}),
    "a deny behind 1000 needs nothing": ([rule("d", priority=2000, denied=[entry("all")])], {}),
    "a deny at 0 cannot be beaten": ([rule("d", priority=0, denied=[entry("all")])], None),
    "a name that is taken is numbered": (
        [rule("pathcheck-kube-dns", disabled=True)],
        {"name": "pathcheck-kube-dns-2"},
    ),
    "two denies in a row are beaten by one rule": (
        [rule("d", priority=700, denied=[entry("udp")]), rule("e", priority=800, denied=[entry("tcp")])],
        {"priority": 699},
    ),
    "what cannot be told is not mended": ([rule("x", sourceFuture=["y"])], None),
    "what is blocked on both sides is not mended by one rule": (
        [rule("e", direction="EGRESS", denied=[entry("all")])],
        None,
    ),
}


@pytest.mark.parametrize("sentence", CHANGES)
def test_other_rules_in_the_way(sentence: str) -> None:
    """The proposed rule wins where it must, and where it cannot there is none."""
    rules, changes = CHANGES[sentence]
    fix = propose("kube-dns", DNS, SOURCES, [], firewall(*rules))
    assert (fix and fix.rule) == (None if changes is None else replace(SMALLEST, **changes))


def test_blocked_egress_is_mended_on_the_senders_side() -> None:
    """An egress rule towards the range that the cloud delivers to the target, for the sender's tag."""
    fw = firewall(rule("in", allowed=[entry("all")]), rule("e", direction="EGRESS", denied=[entry("all")]))
    fix = propose("kube-dns", DNS, SOURCES, [], fw)
    assert fix is not None
    assert fix.rule == replace(
        SMALLEST, direction=Direction.EGRESS, priority=999, remote_ranges=(ip_network("10.24.9.0/24"),)
    )


def test_the_rarest_common_tag_is_the_target() -> None:
    """Of the tags that all targets have, the one that the fewest other machines have."""
    tags = {"node-1": ["everywhere", "dns"], "node-2": ["everywhere"], "node-3": ["everywhere"]}
    machines = [m | {"tags": {"items": tags[m["name"]]}} for m in recording()["instances"]]
    fix = propose("kube-dns", DNS, SOURCES, [], firewall(instances=machines))
    assert fix is not None
    assert fix.rule.target_tags == {"dns"}


def test_without_a_tag_the_service_account_is_the_target() -> None:
    """A machine without network tags is still not opened together with every other one."""
    machines = [m | {"tags": {}} for m in recording()["instances"]]
    fix = propose("kube-dns", DNS, SOURCES, [], firewall(instances=machines))
    assert fix is not None
    assert (fix.rule.target_tags, fix.rule.target_service_accounts) == (frozenset(), frozenset({NODE_ACCOUNT}))


def test_nothing_that_must_stay_isolated_is_opened() -> None:
    """A rule that would let in what another check keeps out is not proposed."""
    keep_out = [asked("10.24.13.7@node-3", "10.24.12.40@node-2", "tcp/53")]
    assert propose("kube-dns", DNS, SOURCES, keep_out, firewall()) is None


def test_addresses_outside_the_sources_have_no_fix() -> None:
    """The sources to open are given; a flow from elsewhere is not smuggled in."""
    assert propose("kube-dns", DNS, SOURCES[:1], [], firewall()) is None


def test_both_families_need_two_rules() -> None:
    """A rule has ranges of one family only, so there is no single rule."""
    both = machine("node-1", "10.142.15.205", networkInterfaces=[{"network": "default", "networkIP": "10.142.15.205"}])
    six = asked("fd00::2", "fd00::1@node-1", "udp/53")
    sources = (*SOURCES, ip_network("fd00::/64"))
    assert propose("kube-dns", [*DNS, six], sources, [], firewall(instances=[both])) is None


@pytest.mark.parametrize(
    ("name", "rule_name"),
    [
        ("a.b_c", "pathcheck-a-b-c"),
        ("x" * 80, "pathcheck-" + "x" * 53),
        ("x" * 52 + ".y", "pathcheck-" + "x" * 52),
    ],
)
def test_names_are_those_that_the_api_takes(name: str, rule_name: str) -> None:
    """RFC 1035: lower-case letters, digits and inner hyphens, at most 63."""
    fix = propose(name, DNS, SOURCES, [], firewall())
    assert fix is not None
    assert fix.rule.name == rule_name


@given(rule_lists)
def test_a_fix_upholds_what_it_promises(rules: list[Raw]) -> None:
    """With the rule added every flow is permitted; flows of other ports are as before."""
    fw = firewall(*rules)
    fix = propose("kube-dns", DNS, SOURCES, [], fw)
    if fix is not None:
        mended = replace(fw, rules=(*fw.rules, fix.rule))
        assert {predict(flow, mended).prediction for flow in DNS} == {Prediction.PERMITTED}
        other = asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/54")
        assert predict(other, mended).prediction is predict(other, fw).prediction
