"""One sentence a fact of the firewall, each asked of a small recording."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.core.rules.predict import predict
from pathcheck.model.firewall import Firewall
from pathcheck.model.words import Prediction
from tests.recordings import NODE_ACCOUNT, NODE_TAG, Raw, asked, entry, firewall, machine, recording, rule

POD, POD_1, NODE, OUTSIDE = "10.24.12.40@node-2", "10.24.9.31@node-1", "10.142.15.206@node-2", "203.0.113.9"

# sentence: (rules, from, to, traffic, prediction, decided by)
FACTS: dict[str, tuple[list[Raw], str, str, str, str, tuple[str, ...]]] = {
    "no rule at all: ingress is denied": ([], POD, POD_1, "udp/53", "blocked", ("implied-deny-ingress",)),
    "no rule at all: egress is allowed": ([], POD, OUTSIDE, "udp/53", "permitted", ("implied-allow-egress",)),
    "a matching allow admits": ([rule("a")], POD, POD_1, "udp/53", "permitted", ("firewall:a",)),
    "the lower number wins": (
        [rule("a", priority=900), rule("d", priority=901, denied=[entry("udp")])],
        POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "deny wins a tie": ([rule("a"), rule("d", denied=[entry("udp")])], POD, POD_1, "udp/53", "blocked", ("firewall:d",)),
    "all tied allows are named": (
        [rule("b"), rule("a")], POD, POD_1, "udp/53", "permitted", ("firewall:a", "firewall:b"),
    ),
    "a disabled rule does not exist": (
        [rule("a", disabled=True)], POD, POD_1, "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "an absent priority is 1000": (
        [rule("a", priority=None), rule("d", priority=1001, denied=[entry("udp")])],
        POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "the sender's egress is asked first": (
        [rule("a"), rule("e", direction="EGRESS", denied=[entry("udp")])],
        POD, POD_1, "udp/53", "blocked", ("firewall:e",),
    ),
    "egress matches destination ranges": (
        [rule("a"), rule("e", direction="EGRESS", denied=[entry("udp")], destinationRanges=["10.24.13.0/24"])],
        POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "egress rules have targets too": (
        [rule("a"), rule("e", direction="EGRESS", denied=[entry("udp")], targetTags=["other"])],
        POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "a peer that is no machine has no egress rules": (
        [rule("a"), rule("e", direction="EGRESS", denied=[entry("all")])],
        OUTSIDE, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "a pod is matched by range": (
        [rule("a", sourceRanges=["10.24.0.0/14"])], POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "a pod does not carry its node's tag as a source": (
        [rule("a", sourceRanges=[], sourceTags=[NODE_TAG])], POD, POD_1, "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "a node's primary address does": (
        [rule("a", sourceRanges=[], sourceTags=[NODE_TAG])], NODE, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "a pod does not carry its node's service account as a source": (
        [rule("a", sourceRanges=[], sourceServiceAccounts=[NODE_ACCOUNT])],
        POD, POD_1, "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "ranges or tags: one is enough": (
        [rule("a", sourceRanges=["10.24.0.0/14"], sourceTags=["other"])],
        POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "a pod is a target by its node's tag": (
        [rule("a", targetTags=[NODE_TAG])], POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "a pod is a target by its node's service account": (
        [rule("a", targetServiceAccounts=[NODE_ACCOUNT])], POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "another tag is no target": (
        [rule("a", targetTags=["web"])], POD, POD_1, "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "destination ranges narrow an ingress rule": (
        [rule("a", destinationRanges=["10.24.13.0/24"])], POD, POD_1, "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "a rule of another network decides nothing": (
        [rule("a", network="other")], POD, POD_1, "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "port 0 is not in 1-65535": (
        [rule("a", allowed=[entry("udp", "1-65535")])], POD, POD_1, "udp/0", "blocked", ("implied-deny-ingress",),
    ),
    "a port range includes its ends": (
        [rule("a", allowed=[entry("udp", "50-53")])], POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "a protocol may be a number": (
        [rule("a", allowed=[entry("17")])], POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "all is every protocol": ([rule("a", allowed=[entry("all")])], POD, POD_1, "icmp", "permitted", ("firewall:a",)),
    "no port asked: a rule for some ports cannot tell": (
        [rule("a", allowed=[entry("udp", "53")])], POD, POD_1, "udp", "undetermined", ("undecided:firewall:a",),
    ),
    "no port asked: a rule for all of them can": (
        [rule("a", allowed=[entry("udp", "0-65535")])], POD, POD_1, "udp", "permitted", ("firewall:a",),
    ),
    "0.0.0.0/0 is not IPv6": (
        [rule("a", sourceRanges=["0.0.0.0/0"])], "fd00::2", "fd00::1@node-1", "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "no source is 0.0.0.0/0": (
        [rule("a", sourceRanges=[])], "fd00::2", "fd00::1@node-1", "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "host bits are cut off": (
        [rule("a", sourceRanges=["10.24.12.99/24"])], POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
    "an allow at 65535 ties with the implied deny": (
        [rule("a", priority=65535)], POD, POD_1, "udp/53", "undetermined", ("undecided:firewall:a",),
    ),
    "two pods of one machine are not filtered": (
        [], "10.24.9.7@node-1", POD_1, "udp/53", "permitted", ("same-vm",),
    ),
    "the metadata server is always reached": (
        [rule("e", direction="EGRESS", denied=[entry("all")])],
        POD, "169.254.169.254", "tcp/80", "permitted", ("always-allowed:metadata",),
    ),
    "a machine that is not recorded is not guessed": (
        [rule("a")], POD, "10.24.9.31@node-9", "udp/53", "undetermined", ("undecided:instance:node-9",),
    ),
    "what blocks on one side decides, whatever the other would be": (
        [], "10.24.9.31@node-9", POD_1, "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "two ends without machines have no rules": (
        [rule("a")], OUTSIDE, "203.0.113.10", "udp/53", "undetermined", ("undecided:instance",),
    ),
    "an unknown field makes a rule one that cannot tell": (
        [rule("a", sourceFuture=["x"])], POD, POD_1, "udp/53", "undetermined", ("undecided:firewall:a",),
    ),
    "also where the fields that are known do not match": (
        [rule("a", sourceRanges=["192.0.2.0/24"], sourceFuture=["x"])],
        POD, POD_1, "udp/53", "undetermined", ("undecided:firewall:a",),
    ),
    "but not for another protocol": (
        [rule("a", allowed=[entry("tcp")], sourceFuture=["x"])], POD, POD_1, "udp/53", "blocked", ("implied-deny-ingress",),
    ),
    "without a port, rules for some ports change nothing if the others come to the same": (
        [rule("ssh", allowed=[entry("tcp", "22")]), rule("web", priority=900, allowed=[entry("tcp", "80")]),
         rule("a", allowed=[entry("tcp")])],
        POD, POD_1, "tcp", "permitted", ("firewall:a",),
    ),
    "but a deny for some ports leaves it open": (
        [rule("d", priority=900, denied=[entry("tcp", "22")]), rule("a", allowed=[entry("tcp")])],
        POD, POD_1, "tcp", "undetermined", ("undecided:firewall:d",),
    ),
    "and so does an allow for some ports, where the others are denied": (
        [rule("ssh", allowed=[entry("tcp", "22")])], POD, POD_1, "tcp", "undetermined", ("undecided:firewall:ssh",),
    ),
    "a rule that cannot tell may even do the opposite of what it seems to": (
        [rule("b", priority=900, sourceFuture=["x"]), rule("a")],
        POD, POD_1, "udp/53", "undetermined", ("undecided:firewall:b",),
    ),
    "what is decided before a rule that cannot tell stays decided": (
        [rule("a", priority=900), rule("b", sourceFuture=["x"])], POD, POD_1, "udp/53", "permitted", ("firewall:a",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", FACTS)
def test_a_fact_of_the_firewall(sentence: str) -> None:
    """Each sentence holds."""
    rules, source, destination, traffic, prediction, decided_by = FACTS[sentence]
    got = predict(asked(source, destination, traffic), firewall(*rules))
    assert (got.prediction, got.decided_by) == (prediction, decided_by)


def test_a_name_in_two_zones_is_one_machine_only_where_both_ends_are_known() -> None:
    """Two machines may share a name: packets between them are not taken for packets within one."""
    elsewhere = machine("node-1", "10.142.15.250", zone="zones/us-east1-c")
    two = firewall(instances=[machine("node-1", "10.142.15.205"), elsewhere])
    for source, destination, prediction, decided_by in (
        ("10.142.15.205@node-1", "10.142.15.250@node-1", "blocked", "implied-deny-ingress"),
        ("10.142.15.205@node-1", "10.142.15.205@node-1", "permitted", "same-vm"),
        ("10.99.0.1@node-1", "10.99.0.2@node-1", "undetermined", "undecided:instance:node-1"),
    ):
        got = predict(asked(source, destination, "udp/53"), two)
        assert (got.prediction, got.decided_by) == (prediction, (decided_by,))


SHARED = "https://www.googleapis.com/compute/v1/projects/host/global/networks/shared"


@pytest.mark.parametrize(
    ("changes", "rules", "prediction"),
    [
        ({}, [], "undetermined"),
        ({"networks": [{"name": "shared", "selfLink": SHARED}]}, [], "blocked"),
        ({}, [rule("a") | {"network": SHARED}], "permitted"),
        ({"project": "host"}, [], "blocked"),
    ],
)
def test_rules_of_a_shared_network_are_not_absent_because_they_are_elsewhere(
    changes: Raw, rules: list[Raw], prediction: str
) -> None:
    """A recording that has nothing of the host project says nothing about what its rules would do."""
    machines = [
        machine(name, address, networkInterfaces=[{"network": SHARED, "networkIP": address}])
        for name, address in (("node-1", "10.142.15.205"), ("node-2", "10.142.15.206"))
    ]
    shared = firewall(*rules, instances=machines, effectiveFirewalls=[], **changes)
    assert predict(asked(NODE, "10.142.15.205@node-1", "udp/53"), shared).prediction == prediction


def test_a_shared_network_may_be_written_by_its_last_name() -> None:
    """Where interfaces leave no doubt which network is meant, its policies and its order are those of the owner's network."""
    machines = [
        machine(name, address, networkInterfaces=[{"network": SHARED, "networkIP": address}])
        for name, address in (("node-1", "10.142.15.205"), ("node-2", "10.142.15.206"))
    ]
    effective = {
        "network": "shared",
        "region": "us-east1",
        "answer": {"firewallPolicys": [policy(DENY, type="NETWORK")]},
    }
    order = {"name": "shared", "networkFirewallPolicyEnforcementOrder": "BEFORE_CLASSIC_FIREWALL"}
    allow = rule("a") | {"network": SHARED}
    shared = firewall(allow, instances=machines, effectiveFirewalls=[effective], networks=[order])
    assert predict(asked(NODE, "10.142.15.205@node-1", "udp/53"), shared).decided_by == ("policy:p/1",)


def policy(*rules: Raw, **changes: Any) -> Raw:
    """A hierarchical policy, as getEffectiveFirewalls answers it."""
    return {"name": "p", "type": "HIERARCHY", "rules": list(rules)} | changes


def policy_rule(priority: int, action: str, direction: str = "INGRESS", **match: Any) -> Raw:
    """About everything of IPv4, unless said otherwise."""
    side = "srcIpRanges" if direction == "INGRESS" else "destIpRanges"
    about = {side: ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]} | match
    return {"priority": priority, "action": action, "direction": direction, "match": about}


DENY, ALLOW, HAND_ON = policy_rule(1, "deny"), policy_rule(2, "allow"), policy_rule(1, "goto_next")

# sentence: (policies, enforcement order, rules, prediction, decided by)
POLICIES: dict[str, tuple[list[Raw], str, list[Raw], str, tuple[str, ...]]] = {
    "a hierarchical policy comes before the rules": ([policy(DENY)], "AFTER", [rule("a")], "blocked", ("policy:p/1",)),
    "a system policy too": ([policy(DENY, type="SYSTEM_REGIONAL")], "AFTER", [rule("a")], "blocked", ("policy:p/1",)),
    "a network policy comes after a rule that decides": (
        [policy(DENY, type="NETWORK")], "AFTER", [rule("a")], "permitted", ("firewall:a",),
    ),
    "and before the implied rule": ([policy(ALLOW, type="NETWORK")], "AFTER", [], "permitted", ("policy:p/2",)),
    "unless the network says that it comes first": (
        [policy(DENY, type="NETWORK")], "BEFORE", [rule("a")], "blocked", ("policy:p/1",),
    ),
    "goto_next leaves its policy, whatever comes behind it there": (
        [policy(HAND_ON, policy_rule(2, "deny"))], "AFTER", [rule("a")], "permitted", ("firewall:a",),
    ),
    "and goes on with the next one": (
        [policy(HAND_ON), policy(ALLOW, name="q")], "AFTER", [], "permitted", ("policy:q/2",),
    ),
    "disabled policy rules decide nothing": (
        [policy(DENY | {"disabled": True})], "AFTER", [rule("a")], "permitted", ("firewall:a",),
    ),
    "a policy for egress says nothing of ingress": (
        [policy(policy_rule(1, "allow", "EGRESS"))], "AFTER", [], "blocked", ("implied-deny-ingress",),
    ),
    "a proxy decides what is inspected": (
        [policy(policy_rule(1, "apply_security_profile_group"))], "AFTER", [], "inspected", ("policy:p/1",),
    ),
    "a domain name is known to DNS only": (
        [policy(policy_rule(1, "deny", srcIpRanges=[], srcFqdns=["example.com"]))],
        "AFTER", [rule("a")], "undetermined", ("undecided:policy:p/1",),
    ),
    "but does not matter where a range of the same rule matches": (
        [policy(policy_rule(1, "deny", srcFqdns=["example.com"]))], "AFTER", [rule("a")], "blocked", ("policy:p/1",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", POLICIES)
def test_policies_are_asked_in_their_place(sentence: str) -> None:
    """Hierarchical and system policies first, network policies on either side of the VPC rules."""
    policies, order, rules, prediction, decided_by = POLICIES[sentence]
    fw = firewall(*rules, policies=policies, order=f"{order}_CLASSIC_FIREWALL")
    got = predict(asked(POD, POD_1, "udp/53"), fw)
    assert (got.prediction, got.decided_by, got.ingress) == (prediction, decided_by, decided_by)


def test_unread_policies_leave_everything_undetermined() -> None:
    """Where the effective firewalls could not be read, nobody knows whether a policy decides first."""
    fw = firewall(rule("a"), unavailable={"effectiveFirewalls": "forbidden"})
    got = predict(asked(POD, POD_1, "udp/53"), fw)
    why = "not all rules and policies are known: forbidden"
    assert (got.prediction, got.decided_by, got.why) == (Prediction.UNDETERMINED, ("undecided:policies",), why)


# sentence: (policies, rules, the names of all that is in the way)
OBSTACLES: dict[str, tuple[list[Raw], list[Raw], list[str]]] = {
    "nothing, where it passes": ([], [rule("a")], []),
    "the implied deny, where no rule admits it": ([], [], ["implied-deny-ingress"]),
    "a deny, where an allow stands behind it": (
        [], [rule("a"), rule("d", denied=[entry("udp")], priority=1)], ["firewall:d"],
    ),
    "a policy's deny, a rule's, and the implied one": (
        [policy(DENY)], [rule("d", denied=[entry("udp")])], ["policy:p/1", "firewall:d", "implied-deny-ingress"],
    ),
    "both sides": (
        [], [rule("e", direction="EGRESS", denied=[entry("udp")])], ["firewall:e", "implied-deny-ingress"],
    ),
    "what cannot be judged, too": (
        [policy(policy_rule(1, "deny", srcIpRanges=[], srcFqdns=["example.com"]))], [],
        ["undecided:policy:p/1", "implied-deny-ingress"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", OBSTACLES)
def test_every_obstacle_is_named_not_the_first(sentence: str) -> None:
    """Whoever takes all of them away has mended it, and need not come again."""
    policies, rules, names = OBSTACLES[sentence]
    got = predict(asked(POD, POD_1, "udp/53"), firewall(*rules, policies=policies))
    assert [obstacle.name for obstacle in got.obstacles] == names


NEAR: dict[str, tuple[list[Raw], str, list[str]]] = {
    "source range": (
        [rule("a", sourceRanges=["10.128.0.0/9"])],
        "udp/53",
        ["a (1000) admits udp/53, but 10.24.12.40 is not in 10.128.0.0/9"],
    ),
    "source tag, which the pod's node has": (
        [rule("a", sourceRanges=[], sourceTags=[NODE_TAG])],
        "udp/53",
        [f"a (1000) admits udp/53, but {NODE_TAG} holds for node-2's own address, not for its pods: 10.24.12.40"],
    ),
    "source tag, which nobody has": (
        [rule("a", sourceRanges=[], sourceTags=["t"])],
        "udp/53",
        ["a (1000) admits udp/53, but 10.24.12.40 does not carry t"],
    ),
    "target tag": (
        [rule("a", targetTags=["web"])],
        "udp/53",
        [f"a (1000) admits udp/53 from 0.0.0.0/0, but only for machines with tag web, and node-1 has {NODE_TAG}"],
    ),
    "disabled": ([rule("a", disabled=True)], "udp/53", ["a (1000) admits udp/53 from 0.0.0.0/0, but is disabled"]),
    "port": (
        [rule("a", allowed=[entry("udp", "54"), entry("tcp")])],
        "udp/53",
        ["a (1000) admits udp/54, tcp from 0.0.0.0/0, but not udp/53"],
    ),
    "protocol": (
        [rule("a", allowed=[entry("icmp")])],
        "udp/53",
        ["a (1000) admits icmp from 0.0.0.0/0, but not udp/53"],
    ),
    "priority": (
        [rule("a"), rule("d", priority=900, denied=[entry("udp")])],
        "udp/53",
        ["a (1000) admits udp/53 from 0.0.0.0/0, but d (900) is asked first"],
    ),
    "destination range": (
        [rule("a", destinationRanges=["10.24.13.0/24"])],
        "udp/53",
        ["a (1000) admits udp/53 from 0.0.0.0/0, but 10.24.9.31 is not in 10.24.13.0/24"],
    ),
    "two fields, behind all that miss one": (
        [rule("a", sourceRanges=["10.128.0.0/9"], disabled=True), rule("b", allowed=[entry("icmp")])],
        "udp/53",
        [
            "b (1000) admits icmp from 0.0.0.0/0, but not udp/53",
            "a (1000) admits udp/53, but is disabled and 10.24.12.40 is not in 10.128.0.0/9",
        ],
    ),
    "three fields are no near miss": (
        [rule("a", sourceRanges=["10.128.0.0/9"], disabled=True, allowed=[entry("icmp")])],
        "udp/53",
        [],
    ),
    "nearest first": (
        [
            rule("d", allowed=[entry("icmp")]),
            rule("c", allowed=[entry("udp", "80")]),
            rule("b", sourceRanges=["192.168.0.0/16"]),
            rule("a", sourceRanges=["10.24.13.0/24"]),
        ],
        "udp/53",
        [
            "a (1000) admits udp/53, but 10.24.12.40 is not in 10.24.13.0/24",
            "b (1000) admits udp/53, but 10.24.12.40 is not in 192.168.0.0/16",
            "c (1000) admits udp/80 from 0.0.0.0/0, but not udp/53",
            "d (1000) admits icmp from 0.0.0.0/0, but not udp/53",
        ],
    ),
    "of what is permitted, the denies": (
        [rule("a"), rule("d", denied=[entry("udp")], sourceRanges=["10.24.13.0/24"])],
        "udp/53",
        ["d (1000) denies udp/53, but 10.24.12.40 is not in 10.24.13.0/24"],
    ),
}


@pytest.mark.parametrize("field", NEAR)
def test_near_misses_name_the_fields(field: str) -> None:
    """A near miss says what the rule does, from which range, and which fields kept it from deciding."""
    rules, traffic, sentences = NEAR[field]
    got = predict(asked(POD, POD_1, traffic), firewall(*rules))
    assert [miss.sentence for miss in got.near_misses] == sentences


def test_the_interface_is_chosen_by_address() -> None:
    """A machine with interfaces in two networks is asked for the rules of the one that holds the address."""
    two = machine("gw", "10.142.15.210", extra=[{"network": "other", "networkIP": "192.168.0.5"}])
    fw = firewall(rule("a", network="other"), instances=[*recording()["instances"], two], effectiveFirewalls=[])
    assert predict(asked(OUTSIDE, "192.168.0.5@gw", "udp/53"), fw).decided_by == ("firewall:a",)
    assert predict(asked(OUTSIDE, "10.142.15.210@gw", "udp/53"), fw).decided_by == ("implied-deny-ingress",)
    assert predict(asked(OUTSIDE, "172.16.0.1@gw", "udp/53"), fw).decided_by == ("undecided:instance:gw",)


@st.composite
def raw_rules(draw: st.DrawFn) -> Raw:
    """Few values a field, so that rules meet."""
    direction = draw(st.sampled_from(["INGRESS", "EGRESS"]))
    remote = draw(st.sampled_from(["0.0.0.0/0", "10.24.0.0/14", "10.24.12.0/24", "10.128.0.0/9"]))
    tag = draw(st.sampled_from(["", NODE_TAG, "web"]))
    l4s = [draw(st.sampled_from([entry("udp"), entry("udp", "53"), entry("tcp"), entry("all")]))]
    fields: Raw = {
        "priority": draw(st.integers(0, 3)),
        "disabled": draw(st.booleans()),
        "direction": direction,
        "targetTags": [tag] if tag else [],
        "sourceRanges" if direction == "INGRESS" else "destinationRanges": [remote],
        draw(st.sampled_from(["allowed", "denied"])): l4s,
    }
    return rule(draw(st.sampled_from([f"r{i}" for i in range(50)])), "default", **fields)


rule_lists = st.lists(raw_rules(), max_size=8, unique_by=lambda r: r["name"])
FLOW = asked(POD, POD_1, "udp/53")


def decided(fw: Firewall) -> tuple[Prediction, tuple[str, ...]]:
    got = predict(FLOW, fw)
    return got.prediction, got.decided_by


def test_what_was_worked_out_is_not_taken_over_by_a_changed_copy() -> None:
    """A flow is worked out once for each firewall; a copy with one more rule is another firewall."""
    flow, before = asked(POD, POD_1, "udp/53"), firewall()
    assert predict(flow, before) is predict(flow, before)
    assert predict(flow, replace(before, rules=firewall(rule("a")).rules)).decided_by == ("firewall:a",)


def test_what_was_worked_out_stays_when_the_same_is_read_again() -> None:
    """A reading that changes nothing costs no evaluation; what nobody has asked for since the one before is let go."""
    flow, before = asked(POD, POD_1, "udp/53"), firewall(rule("a"))
    known = predict(flow, before)
    once = before.read_again(datetime(2026, 11, 24, tzinfo=UTC))
    asked_again = predict(flow, once)
    twice = once.read_again(datetime(2026, 11, 25, tzinfo=UTC))
    unasked = twice.read_again(datetime(2026, 11, 26, tzinfo=UTC))
    assert (asked_again is known, predict(flow, unasked) is known) == (True, False)


@given(rule_lists)
def test_disabled_rules_change_nothing(rules: list[Raw]) -> None:
    """Without its disabled rules a firewall decides the same."""
    assert decided(firewall(*rules)) == decided(firewall(*(r for r in rules if not r["disabled"])))


@given(rule_lists.flatmap(lambda rules: st.tuples(st.just(rules), st.permutations(rules))))
def test_the_order_of_the_list_changes_nothing(both: tuple[list[Raw], list[Raw]]) -> None:
    """Only priority and action order rules."""
    assert decided(firewall(*both[0])) == decided(firewall(*both[1]))


@given(rule_lists, raw_rules())
def test_a_rule_asked_later_changes_nothing_that_is_decided_by_rules(rules: list[Raw], late: Raw) -> None:
    """Whatever a rule decides stays decided when one of a higher number is added."""
    before = decided(firewall(*rules))
    if all(name.startswith("firewall:") for name in before[1]):
        late = late | {"name": "late", "priority": 4, "direction": "INGRESS"}
        assert decided(firewall(*rules, late)) == before


@given(rule_lists)
def test_a_near_miss_really_is_one(rules: list[Raw]) -> None:
    """Where a rule is off by being disabled only, enabling it changes the prediction."""
    fw = firewall(*rules)
    for miss in predict(FLOW, fw).near_misses:
        if miss.fields == ("disabled",) and predict(FLOW, fw).prediction is Prediction.BLOCKED:
            enabled = tuple(replace(r, disabled=False) if r.name == miss.rule.name else r for r in fw.rules)
            after = predict(FLOW, replace(fw, rules=enabled))
            # It decides its own side; the other side may block still.
            assert after.prediction is Prediction.PERMITTED or after.direction is not miss.rule.direction


def test_a_machine_that_cannot_be_read_keeps_its_name() -> None:
    """Its namesake in another zone does not become the only machine of that name, within which packets would stay."""
    readable, broken = machine("m", "10.142.15.205"), machine("m", "10.142.15.999", zone="zones/us-east1-c")
    flow = asked("10.24.9.31@m", "10.24.9.32@m", "udp/53")
    got = [predict(flow, firewall(instances=found)).decided_by for found in ([readable], [readable, broken])]
    assert got == [("same-vm",), ("undecided:instance:m",)]
