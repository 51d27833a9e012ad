"""Which rules may be about two ends, as far as these are known."""

from __future__ import annotations

from ipaddress import ip_address

from pathcheck.core.rules.walk import rules_in
from pathcheck.core.signatures.suspects import scopes, suspects
from pathcheck.model.flows import Endpoint
from pathcheck.model.rules import Stage
from pathcheck.model.words import Direction
from tests.recordings import NODE_TAG, Raw, firewall, machine, recording, rule

INTO, OUT = Direction.INGRESS, Direction.EGRESS
NODE_1 = Endpoint(ip_address("10.24.9.31"), instance="node-1")
POD_2 = Endpoint(ip_address("10.24.12.40"), instance="node-2")
INTERNET = Endpoint(ip_address("203.0.113.9"))
RULES = (
    rule("everybody"),
    rule("pods", sourceRanges=["10.24.0.0/14"]),
    rule("nodes", sourceRanges=["10.128.0.0/9"]),
    rule("tagged", targetTags=[NODE_TAG]),
    rule("elsewhere", targetTags=["web"]),
    rule("one-pod", destinationRanges=["10.24.9.31/32"]),
    rule("off", disabled=True),
)


def about(
    near: Endpoint | None, far: Endpoint | None, *rules: Raw, direction: Direction = INTO
) -> tuple[set[str], set[str]]:
    """The names of those surely, and of those at most possibly, about the ends."""
    found = suspects(direction, near, far, 4, firewall(*(rules or RULES)))
    assert found is not None
    sure, possible = (rules_in(found.index, bits) for bits in found.about)
    return {r.name for r in sure}, {r.name for r in possible} - {r.name for r in sure}


def test_between_known_ends() -> None:
    """By ranges, tags and addresses; what is disabled is about nobody."""
    assert about(NODE_1, POD_2) == ({"everybody", "pods", "tagged", "one-pod"}, set())


def test_a_sender_that_is_not_known() -> None:
    """May be in any range; surely only in those that leave nobody out."""
    assert about(NODE_1, None) == ({"everybody", "tagged", "one-pod"}, {"pods", "nodes"})


def test_a_receiver_that_is_not_known() -> None:
    """May have any tag and any address."""
    assert about(None, POD_2) == ({"everybody", "pods"}, {"tagged", "elsewhere", "one-pod"})


def test_ends_of_which_nothing_is_known() -> None:
    """Every rule in force may be meant."""
    assert about(None, None) == ({"everybody"}, {"pods", "nodes", "tagged", "elsewhere", "one-pod"})


def test_a_receiver_outside_is_one_that_is_not_known() -> None:
    """Rules of its own are not in the recording; that the address is another is known."""
    assert about(INTERNET, POD_2) == ({"everybody", "pods"}, {"tagged", "elsewhere"})


def test_a_machine_that_the_recording_does_not_have() -> None:
    """It may be any."""
    stranger = Endpoint(ip_address("10.24.9.31"), instance="node-9")
    assert about(stranger, POD_2) == ({"everybody", "pods", "one-pod"}, {"tagged", "elsewhere"})


def test_a_sender_outside_has_no_rules() -> None:
    """One that is not named may be a machine of ours."""
    out = rule("out", direction="EGRESS")
    assert suspects(OUT, INTERNET, NODE_1, 4, firewall(out)) is None
    assert about(None, NODE_1, out, direction=OUT) == ({"out"}, set())


def test_rules_of_every_network_may_be_meant() -> None:
    """Where no receiver says which; each rule once, however many regions its network has."""
    far = machine("far", "10.9.0.1")
    far["networkInterfaces"][0]["network"] = far["networkInterfaces"][0]["network"].replace("default", "far")
    us = machine("us", "10.142.0.9") | {"zone": machine("us", "10.142.0.9")["zone"].replace("us-east1-b", "us-west1-b")}
    rules = [rule("here"), rule("there", "far"), rule("idle", "unused")]
    read = firewall(*rules, instances=[*recording()["instances"], far, us])
    assert scopes(read) == [("default", "us-east1"), ("default", "us-west1"), ("far", "us-east1"), ("unused", "")]
    found = suspects(INTO, None, POD_2, 4, read)
    assert found is not None
    assert sorted(r.name for r in found.index.rules if r.stage is Stage.VPC) == ["here", "idle", "there"]


def test_policies_of_every_region_are_asked_in_their_place() -> None:
    """A region's policy that goes before the VPC rules does so beside another region that has none."""
    denies: Raw = {"layer4Configs": [{"ipProtocol": "all"}], "srcIpRanges": ["0.0.0.0/0"]}
    answers = [
        {"network": "default", "region": region, "answer": {"firewallPolicys": policies}}
        for region, policies in (
            ("us-east1", []),
            (
                "us-west1",
                [
                    {
                        "name": kind,
                        "type": kind,
                        "rules": [{"priority": 1, "action": "deny", "direction": "INGRESS", "match": denies}],
                    }
                    for kind in ("NETWORK_REGIONAL", "SYSTEM_REGIONAL")
                ],
            ),
        )
    ]
    us = machine("us", "10.142.0.9") | {"zone": machine("us", "10.142.0.9")["zone"].replace("us-east1-b", "us-west1-b")}
    read = firewall(rule("vpc"), instances=[machine("node-1", "10.142.15.205"), us], effectiveFirewalls=answers)
    found = suspects(INTO, None, POD_2, 4, read)
    assert found is not None
    assert [r.policy or r.name for r in found.index.rules] == ["SYSTEM_REGIONAL", "vpc", "NETWORK_REGIONAL"]
