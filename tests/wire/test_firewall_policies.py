"""Effective firewall policies translated: what each rule is about, in which order they are asked, and what nobody can judge."""

from __future__ import annotations

from copy import deepcopy
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.core.rules.predict import predict
from pathcheck.model.firewall import Problem
from pathcheck.model.rules import ALL_PORTS, L4Match, Policy, PortRange, Rule, Stage
from pathcheck.model.words import Action, Direction, Prediction
from tests.recordings import PROJECT, Raw, asked, firewall, machine, rule

ANY: Raw = {"layer4Configs": [{"ipProtocol": "all"}]}
UDP_53: Raw = {"layer4Configs": [{"ipProtocol": "udp", "ports": ["53"]}]}
NETWORK = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/networks/default"


def policy_rule(**changes: Any) -> Raw:
    """Admits everything that comes in; None takes a field away, and `match` is added to."""
    fields: Raw = {"priority": 100, "action": "allow", "direction": "INGRESS"}
    fields |= changes | {"match": ANY | changes.get("match", {})}
    return {key: value for key, value in fields.items() if value is not None}


def policy(*rules: Raw, **changes: Any) -> Raw:
    """A global network policy `p`."""
    return {"name": "p", "type": "NETWORK", "rules": list(rules)} | changes


def the_rule(raw: Raw, **changes: Any) -> Rule:
    """What becomes of one rule of policy `p`."""
    (found,) = rules(raw, **changes)
    return found


def rules(raw: Raw, **changes: Any) -> tuple[Rule, ...]:
    """What becomes of it, where it may be none or two."""
    (translated,) = firewall(policies=[policy(raw)], **changes).policies
    return translated.rules


def expected(**changes: Any) -> Rule:
    """`policy_rule()`, translated."""
    fields: dict[str, Any] = {
        "name": "p/100",
        "network": "default",
        "direction": Direction.INGRESS,
        "priority": 100,
        "action": Action.ALLOW,
        "l4": (L4Match(None),),
        "stage": Stage.GLOBAL,
        "policy": "p",
    }
    return Rule(**fields | changes)


def nobody_knows(why: str, network: str = "", region: str = "") -> Policy:
    """The policy that stands where nobody knows which there are."""
    unread = [
        Rule("policies", network, d, 0, Action.DENY, (), cannot_tell=why, stage=Stage.HIERARCHY) for d in Direction
    ]
    return Policy("", Stage.HIERARCHY, network, region, tuple(unread))


def test_a_policy_is_read_whole() -> None:
    """Both sides' ranges, targets, protocols and ports, and who it is."""
    raw = policy_rule(
        priority=2147483647,
        action="deny",
        ruleName="said nowhere",
        description="nor this",
        enableLogging=True,
        disabled=True,
        match={"srcIpRanges": ["10.24.12.99/24", "fd00::/64"], "destIpRanges": ["10.24.9.0/24"], **UDP_53},
        targetServiceAccounts=["a@b"],
        targetSecureTags=[{"name": "tagValues/1", "state": "EFFECTIVE"}, {"name": "tagValues/2"}],
        targetResources=[NETWORK],
        targetType="INSTANCES",
    )
    whole = policy(raw, name="1234", displayName="edge", shortName="short", type="HIERARCHY", kind="k", priority=1)
    assert firewall(policies=[whole]).policies == (
        Policy(
            name="1234",
            stage=Stage.HIERARCHY,
            network="default",
            region="us-east1",
            rules=(
                Rule(
                    name="1234/2147483647",
                    network="default",
                    direction=Direction.INGRESS,
                    priority=2147483647,
                    action=Action.DENY,
                    l4=(L4Match(17, (PortRange(53, 53),)),),
                    remote_ranges=(ip_network("10.24.12.0/24"), ip_network("fd00::/64")),
                    local_ranges=(ip_network("10.24.9.0/24"),),
                    target_service_accounts=frozenset({"a@b"}),
                    target_secure_tags=frozenset({"tagValues/1", "tagValues/2"}),
                    disabled=True,
                    stage=Stage.HIERARCHY,
                    policy="1234",
                    display="edge",
                ),
            ),
            display="edge",
        ),
    )


def test_the_remote_side_of_egress_is_the_destination() -> None:
    """And the source narrows what the machine itself sends from."""
    match = {"srcIpRanges": ["10.24.12.0/24"], "destIpRanges": ["0.0.0.0/0"]}
    assert the_rule(policy_rule(direction="EGRESS", match=match)) == expected(
        direction=Direction.EGRESS,
        remote_ranges=(ip_network("0.0.0.0/0"),),
        local_ranges=(ip_network("10.24.12.0/24"),),
    )


@pytest.mark.parametrize(
    ("action", "becomes"),
    [
        ("allow", Action.ALLOW),
        ("deny", Action.DENY),
        ("goto_next", Action.GOTO_NEXT),
        ("apply_security_profile_group", Action.INSPECT),
    ],
)
def test_actions(action: str, becomes: Action) -> None:
    """All four of a policy; what an inspection is done with says nothing about which packets."""
    raw = policy_rule(action=action, securityProfileGroup="g", tlsInspect=False)
    assert the_rule(raw) == expected(action=becomes)


def test_policies_are_in_the_order_in_which_they_are_asked() -> None:
    """Hierarchical ones as they come, the others by kind, association priority (1000 where absent) and name."""
    given = [
        {"name": "regional", "type": "NETWORK_REGIONAL"},
        {"name": "b", "type": "NETWORK"},
        {"name": "a", "type": "NETWORK"},
        {"name": "first", "type": "NETWORK", "priority": 1},
        {"name": "system-regional", "type": "SYSTEM_REGIONAL", "priority": 1},
        {"name": "system-global", "type": "SYSTEM_GLOBAL", "priority": 2},
        {"name": "9", "type": "HIERARCHY"},
        {"name": "1", "type": "HIERARCHY"},
    ]
    assert [(p.name, p.stage) for p in firewall(policies=given).policies] == [
        ("9", Stage.HIERARCHY),
        ("1", Stage.HIERARCHY),
        ("system-global", Stage.SYSTEM),
        ("system-regional", Stage.SYSTEM),
        ("first", Stage.GLOBAL),
        ("a", Stage.GLOBAL),
        ("b", Stage.GLOBAL),
        ("regional", Stage.REGIONAL),
    ]


@pytest.mark.parametrize(
    ("what", "value", "why"),
    [
        ("Fqdns", "example.com", "example.com is known to DNS only"),
        ("RegionCodes", "US", "US is a region whose addresses only Google knows"),
        ("ThreatIntelligences", "iplist-tor", "iplist-tor is a list that only Google knows"),
    ],
)
def test_alternatives_that_nobody_can_judge_offline(what: str, value: str, why: str) -> None:
    """They are said beside the ranges that can be judged, each on its own side."""
    match = {"srcIpRanges": ["10.0.0.0/8"], f"src{what}": [value], f"dest{what}": [value]}
    ranges = (ip_network("10.0.0.0/8"),)
    assert the_rule(policy_rule(match=match)) == expected(
        remote_ranges=ranges, remote_unsure=f"src{what}: {why}", local_unsure=f"dest{what}: {why}"
    )
    assert the_rule(policy_rule(match=match, direction="EGRESS")) == expected(
        direction=Direction.EGRESS,
        local_ranges=ranges,
        local_unsure=f"src{what}: {why}",
        remote_unsure=f"dest{what}: {why}",
    )


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("srcNetworkType", "INTERNET", "INTERNET"),
        ("srcNetworkContext", "INTRA_VPC", "INTRA_VPC"),
        ("srcNetworks", ["projects/p/global/networks/n"], "projects/p/global/networks/n"),
        ("destNetworkType", "NON_INTERNET", "NON_INTERNET"),
        ("destNetworkContext", "INTERNET", "INTERNET"),
    ],
)
def test_network_types_are_a_condition(key: str, value: Any, name: str) -> None:
    """They narrow the rule, and by how much nobody here can tell."""
    assert the_rule(policy_rule(match={key: value})) == expected(condition=f"{key}: {name} cannot be judged here")


GROUP = "organizations/7/locations/global/addressGroups/dns"


@pytest.mark.parametrize(
    ("groups", "remote_ranges", "unsure"),
    [
        ({GROUP: ["10.0.0.0/8"], "dns": ["1.1.1.1"]}, ("10.0.0.0/8",), ""),
        ({"dns": ["10.0.0.0/8", "fd00::1"]}, ("10.0.0.0/8", "fd00::1/128"), ""),
        ({}, (), "is not in the recording"),
        ({"dns": {"items": []}}, (), "must be a list of CIDRs"),
        ({"dns": ["10/8"]}, (), "'10/8' does not appear to be an IPv4 or IPv6 network"),
    ],
)
def test_address_groups(groups: Raw, remote_ranges: tuple[str, ...], unsure: str) -> None:
    """Found by the whole name or its last part, they are ranges like the others; else nobody can judge them."""
    match = {"srcAddressGroups": [GROUP]}
    assert the_rule(policy_rule(match=match), addressGroups=groups) == expected(
        remote_ranges=tuple(map(ip_network, remote_ranges)),
        remote_unsure=f"srcAddressGroups: {GROUP}: {unsure}" if unsure else "",
    )


def test_address_groups_that_could_not_be_read() -> None:
    """The reason is why; groups that were read are not lost with the others."""
    match = {"destAddressGroups": ["a", "b"]}
    groups = {"addressGroups": {"a": ["10.0.0.0/8"]}, "unavailable": {"addressGroups": "no permission"}}
    found = the_rule(policy_rule(match=match), **groups)
    assert found == expected(
        local_ranges=(ip_network("10.0.0.0/8"),), local_unsure="destAddressGroups: b: no permission"
    )


@pytest.mark.parametrize(
    ("changes", "becomes"),
    [
        ({"match": {"srcSecureTags": [{"name": "tagValues/1"}]}}, {"remote_secure_tags": frozenset({"tagValues/1"})}),
        ({"match": {"srcSecureTags": [{"name": "t", "state": "INEFFECTIVE"}]}}, {"ineffective": True}),
        (
            {"match": {"srcSecureTags": [{"name": "t", "state": "INEFFECTIVE"}], "srcIpRanges": ["10.0.0.0/8"]}},
            {"remote_ranges": (ip_network("10.0.0.0/8"),)},
        ),
        (
            {"targetSecureTags": [{"name": "7/env/prod"}, {"name": "t", "state": "INEFFECTIVE"}]},
            {"target_secure_tags": frozenset({"7/env/prod"})},
        ),
        ({"targetSecureTags": [{"name": "t", "state": "INEFFECTIVE"}]}, {"ineffective": True}),
        (
            {"targetSecureTags": [{"name": "t", "state": "INEFFECTIVE"}], "targetServiceAccounts": ["a"]},
            {"target_service_accounts": frozenset({"a"})},
        ),
        ({"match": {"srcAddressGroups": ["none"]}}, {"ineffective": True}),
        ({"match": {"srcIpRanges": [], "srcFqdns": []}, "targetSecureTags": [], "targetResources": []}, {}),
    ],
)
def test_what_is_ineffective_or_empty(changes: Raw, becomes: dict[str, Any]) -> None:
    """INEFFECTIVE tags and empty groups match nothing; they never make a rule one for everything. An empty list is an absent one."""
    assert the_rule(policy_rule(**changes), addressGroups={"none": []}) == expected(**becomes)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"targetResources": [NETWORK]}, [expected()]),
        ({"targetResources": [f"{NETWORK}2", NETWORK]}, [expected()]),
        ({"targetResources": [f"{NETWORK}2"]}, []),
        ({"targetResources": ["projects/other/global/networks/default"]}, []),
        (
            {"targetResources": ["projects/12/global/networks/default"]},
            [
                expected(
                    condition="targetResources: whether projects/12/global/networks/default is network default is not known"
                )
            ],
        ),
        ({"targetType": "INTERNAL_MANAGED_LB", "targetForwardingRules": ["f"]}, []),
    ],
)
def test_rules_for_others(changes: Raw, found: list[Rule]) -> None:
    """What is for other networks or for load balancers only is left out."""
    assert list(rules(policy_rule(**changes))) == found


@pytest.mark.parametrize(
    ("raw", "troubles"),
    [
        (policy_rule(action="mirror"), ["action: 'mirror' is not known to this version"]),
        (policy_rule(action=None), ["action: is missing"]),
        (policy_rule(priority=None), ["priority: is missing"]),
        (policy_rule(priority=True), ["priority: True is not within 0-2147483647"]),
        (policy_rule(disabled=1), ["disabled: must be true or false"]),
        (policy_rule(targetType="PODS"), ["targetType: 'PODS' is not known to this version"]),
        (policy_rule(targetForwardingRules=["f"]), ["targetForwardingRules: a rule for machines has none"]),
        (policy_rule(targetMood="good"), ["targetMood: is not known to this version"]),
        (policy_rule(match={"srcMood": "good"}), ["match.srcMood: is not known to this version"]),
        (policy_rule(match={"srcIpRanges": {}}), ["match.srcIpRanges: must be a list of texts that can be printed"]),
        (
            policy_rule(match={"destIpRanges": ["10/8"]}),
            ["match.destIpRanges: '10/8' does not appear to be an IPv4 or IPv6 network"],
        ),
        (policy_rule(match={"srcNetworkType": 7}), ["match.srcNetworkType: must be a text that can be printed"]),
        (policy_rule(match={"layer4Configs": None}), ["match.layer4Configs: is missing"]),
        (policy_rule(match={"layer4Configs": []}), ["match.layer4Configs: at least one is needed"]),
        (
            policy_rule(match={"layer4Configs": [{"ipProtocol": "udp", "icmp": 8}]}),
            ["match.layer4Configs: icmp is not known to this version"],
        ),
        (
            policy_rule(match={"srcSecureTags": [{"name": "t", "state": "PENDING"}]}),
            ["match.srcSecureTags[0].state: 'PENDING' is neither EFFECTIVE nor INEFFECTIVE"],
        ),
        (policy_rule(match={"srcSecureTags": ["t"]}), ["match.srcSecureTags[0]: must be an object"]),
        (
            policy_rule(targetSecureTags=[{"mood": 1}]),
            ["targetSecureTags[0].mood: is not known to this version", "targetSecureTags[0].name: is missing"],
        ),
        ({**policy_rule(), "match": 7}, ["match: must be an object"]),
        (
            policy_rule(direction="EGRESS", match={"srcSecureTags": [{"name": "t"}]}),
            ["match.srcSecureTags: an egress rule has none"],
        ),
    ],
)
def test_an_unreadable_rule_cannot_tell(raw: Raw, troubles: list[str]) -> None:
    """It names the fields, stays in force, and neither becomes broader nor goes away."""
    fw = firewall(policies=[policy(raw)])
    ((found,),) = [p.rules for p in fw.policies]
    assert (found.cannot_tell, found.in_force, found.id) == ("; ".join(troubles), True, f"policy:p/{found.priority}")
    assert list(fw.problems) == [Problem(found.name, trouble) for trouble in troubles]


@pytest.mark.parametrize("raw", [7, policy_rule(direction=None), policy_rule(direction="BOTH")])
def test_a_rule_without_a_direction_is_one_for_both(raw: Any) -> None:
    """Whatever it was meant to decide is undetermined."""
    assert [(r.direction, bool(r.cannot_tell), r.policy) for r in rules(raw)] == [(d, True, "p") for d in Direction]


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"type": "GALACTIC"}, "type: 'GALACTIC' is not known to this version"),
        ({"type": None}, "type: must be a text that can be printed"),
        ({"enforcement": "DRY_RUN"}, "enforcement: is not known to this version"),
        ({"priority": "high"}, "priority: 'high' is not within 0-2147483647"),
    ],
)
def test_of_an_unreadable_policy_no_rule_can_tell(changes: Raw, trouble: str) -> None:
    """Of an unknown type it is asked first of all, for nobody knows when it is."""
    fw = firewall(policies=[policy(policy_rule(), **changes)])
    stage = Stage.HIERARCHY if "type" in changes else Stage.GLOBAL
    assert fw.policies == (Policy("p", stage, "default", "us-east1", (expected(stage=stage, cannot_tell=trouble),)),)
    assert fw.problems == (Problem("p", trouble),)


def test_a_policy_without_a_name_is_named_by_its_place() -> None:
    """So that nobody takes it for the one that stands for what is not known."""
    (found,) = firewall(policies=[policy(policy_rule(), name=None)]).policies
    assert found.rules[0].id == "policy:effectiveFirewalls[0].firewallPolicys[0]/100"


SCOPE: Raw = {"network": "default", "region": "us-east1"}
EMPTY: Raw = {"firewallPolicys": []}


@pytest.mark.parametrize(
    ("changes", "policies"),
    [
        ({"effectiveFirewalls": []}, ()),
        ({"effectiveFirewalls": None}, (nobody_knows("the recording has no effectiveFirewalls"),)),
        ({"unavailable": {"effectiveFirewalls": "no permission"}}, (nobody_knows("no permission"),)),
        (
            {"effectiveFirewalls": [SCOPE | {"unavailable": "no permission"}]},
            (nobody_knows("no permission", "default", "us-east1"),),
        ),
        (
            {"effectiveFirewalls": [SCOPE | {"region": "us-east4", "answer": EMPTY}]},
            (nobody_knows("effectiveFirewalls has no answer for network default in us-east1", "default", "us-east1"),),
        ),
        (
            {"effectiveFirewalls": [SCOPE | {"answer": EMPTY | {"organizationFirewalls": []}}]},
            (
                nobody_knows(
                    "effectiveFirewalls[0]: answer.organizationFirewalls: is not known to this version",
                    "default",
                    "us-east1",
                ),
            ),
        ),
        (
            {"effectiveFirewalls": [SCOPE | {"answer": {"firewallPolicys": [7]}}]},
            (nobody_knows("effectiveFirewalls[0]: firewallPolicys: must be an object", "default", "us-east1"),),
        ),
        (
            {"effectiveFirewalls": [SCOPE | {"answer": {"firewallPolicys": [None]}}]},
            (
                nobody_knows(
                    "effectiveFirewalls[0]: effectiveFirewalls[0].firewallPolicys[0]: type: is missing",
                    "default",
                    "us-east1",
                ),
            ),
        ),
        (
            {"effectiveFirewalls": [SCOPE | {"answer": {"firewallPolicys": [policy() | {"rules": 7}]}}]},
            (nobody_knows("effectiveFirewalls[0]: rules: must be a list", "default", "us-east1"),),
        ),
        (
            {"effectiveFirewalls": [{"region": "us-east1", "answer": EMPTY}]},
            (nobody_knows("effectiveFirewalls[0]: network: must be a text that can be printed"),),
        ),
        (
            {"effectiveFirewalls": [SCOPE]},
            (nobody_knows("effectiveFirewalls[0]: answer: must be an object", "default", "us-east1"),),
        ),
    ],
)
def test_what_nobody_knows(changes: Raw, policies: tuple[Policy, ...]) -> None:
    """A policy without a name that cannot tell, as wide as the doubt: everywhere, or in one network and region."""
    assert firewall(**changes).policies == policies


def test_policies_are_those_of_each_region() -> None:
    """An answer is for one network and region, and a machine elsewhere has none of it."""
    scopes = [
        SCOPE | {"answer": {"firewallPolicys": [policy()]}},
        SCOPE | {"region": "regions/us-east4", "answer": {"firewallPolicys": [policy(name="q")]}},
    ]
    found = firewall(effectiveFirewalls=scopes).policies
    assert [(p.name, p.network, p.region) for p in found] == [
        ("p", "default", "us-east1"),
        ("q", "default", "us-east4"),
    ]


WITHOUT_LIST: Raw = {"firewalls": [], "unavailable": {"firewalls": "no permission"}}


def test_effective_firewalls_have_the_rules_as_well() -> None:
    """Where the list could not be read; each rule once, however many regions show it."""
    scopes = [SCOPE | {"region": region, "answer": {"firewalls": [rule("a")]}} for region in ("us-east1", "us-east4")]
    fw = firewall(effectiveFirewalls=scopes, **WITHOUT_LIST)
    assert ([r.name for r in fw.rules], fw.policies) == (["a"], ())
    assert [str(p) for p in fw.problems] == [
        "firewalls: could not be read: no permission",
        "firewalls: are taken from effectiveFirewalls instead, which need not show the disabled ones",
    ]


def test_a_network_whose_rules_nobody_knows() -> None:
    """No rule shown is not no rule there."""
    other = machine("m", "10.9.0.1", networkInterfaces=[{"network": "other", "networkIP": "10.9.0.1"}])
    scopes = [
        SCOPE | {"answer": {"firewalls": [rule("a")]}},
        SCOPE | {"network": "other", "answer": EMPTY},
    ]
    fw = firewall(effectiveFirewalls=scopes, instances=[other], **WITHOUT_LIST)
    assert fw.policies == (nobody_knows("firewalls: no permission", "other"),)


def test_ports_of_policies_are_those_of_rules() -> None:
    """The same spelling, but for the protocol's key."""
    configs = [{"ipProtocol": "sctp", "ports": ["0-65535"]}, {"ipProtocol": "58"}]
    assert the_rule(policy_rule(match={"layer4Configs": configs})).l4 == (L4Match(132, (ALL_PORTS,)), L4Match(58))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
CLOSED = policy(
    policy_rule(
        match={"srcIpRanges": ["10.128.0.0/9"], "srcSecureTags": [{"name": "t", "state": "INEFFECTIVE"}], **UDP_53},
        targetSecureTags=[{"name": "tagValues/1", "state": "EFFECTIVE"}],
        targetResources=[NETWORK],
        disabled=False,
    ),
    priority=7,
    displayName="closed",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value within."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, item in inner for p in places(item, (*path, key)))]


@given(st.sampled_from([p for p in places(CLOSED) if p]), json_values)
def test_nothing_malformed_widens_a_policy(place: tuple[Any, ...], value: Any) -> None:
    """A flow that the sound policy does not admit is not admitted by what is left of a broken one, and nothing crashes."""
    broken = deepcopy(CLOSED)
    holder: Any = broken
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    fw = firewall(policies=[broken])
    if fw.problems:
        got = predict(asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53"), fw)
        assert got.prediction is not Prediction.PERMITTED
