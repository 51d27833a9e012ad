"""Recordings translated: what cannot be read is named, and never makes a rule broader."""

from __future__ import annotations

import json
from copy import deepcopy
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.core.rules.predict import predict
from pathcheck.model.machines import Instance, Interface
from pathcheck.model.rules import L4Match, PortRange, Rule
from pathcheck.model.words import Action, Direction, Prediction
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of, revision_of
from tests.recordings import NODE_ACCOUNT, NODE_TAG, Raw, asked, entry, firewall, machine, recording, rule

STORY = Path(__file__).parents[2] / "docs" / "story"


def test_a_rule_is_read_whole() -> None:
    """Every field that decides arrives; names become numbers and URLs become names."""
    raw = rule(
        "r",
        priority=900,
        denied=[entry("tcp", "80", "8000-8080"), entry("58")],
        sourceRanges=["10.24.12.99/24"],
        sourceTags=["s"],
        destinationRanges=["10.24.9.0/24"],
        targetTags=["t"],
        description="said nowhere",
    )
    assert firewall(raw).rules == (
        Rule(
            name="r",
            network="default",
            direction=Direction.INGRESS,
            priority=900,
            action=Action.DENY,
            l4=(L4Match(6, (PortRange(80, 80), PortRange(8000, 8080))), L4Match(58)),
            remote_ranges=(ip_network("10.24.12.0/24"),),
            remote_tags=frozenset({"s"}),
            local_ranges=(ip_network("10.24.9.0/24"),),
            target_tags=frozenset({"t"}),
        ),
    )


def test_a_machine_is_read_with_what_is_delivered_to_it() -> None:
    """Primary addresses, alias ranges, and the ranges of static routes that lead to it."""
    nic: Raw = {
        "networkIP": "10.142.15.205",
        "network": "x/default",
        "subnetwork": "a/regions/europe-west1/subnetworks/s",
    }
    nic |= {"name": "nic0", "aliasIpRanges": [{"ipCidrRange": "10.30.0.0/24"}]}
    raw = machine("node-1", "", networkInterfaces=[nic])
    interface = Interface(
        name="nic0",
        network="default",
        region="europe-west1",
        primary=(ip_network("10.142.15.205/32"),),
        alias_ranges=(ip_network("10.30.0.0/24"),),
        routed_ranges=(ip_network("10.24.9.0/24"),),
    )
    accounts = frozenset({NODE_ACCOUNT})
    assert firewall(instances=[raw]).instances == (
        Instance("node-1", "us-east1-b", (interface,), frozenset({NODE_TAG}), accounts),
    )


def test_a_route_to_an_address_delivers_to_the_machine_that_has_it() -> None:
    """A next hop may be given as an address of the route's network."""
    hop = {"destRange": "10.24.9.0/24", "network": "global/networks/default", "nextHopIp": "10.142.15.205"}
    elsewhere = hop | {"destRange": "10.24.8.0/24", "network": "global/networks/other"}
    (found,) = firewall(instances=[machine("node-1", "10.142.15.205")], routes=[hop, elsewhere]).instances
    assert found.interfaces[0].routed_ranges == (ip_network("10.24.9.0/24"),)


def test_a_default_route_delivers_nothing() -> None:
    """The internet is not at home on the machine that is the way out."""
    hop = {"destRange": "0.0.0.0/0", "network": "global/networks/default", "nextHopIp": "10.142.15.205"}
    (found,) = firewall(instances=[machine("nat", "10.142.15.205")], routes=[hop]).instances
    assert found.interfaces[0].routed_ranges == ()


def test_a_network_of_another_project_is_another_network() -> None:
    """Under Shared VPC two projects may both have a network called default."""
    other = rule("r") | {"network": "https://www.googleapis.com/compute/v1/projects/host/global/networks/default"}
    assert firewall(other).rules[0].network == "projects/host/global/networks/default"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "pathcheck-recording/2"}, "format: is 'pathcheck-recording/2', expected 'pathcheck-recording/1'"),
        ({"project": 7}, "project: a recording names its project"),
        ({"firewalls": None}, "firewalls: is missing"),
        ({"instances": {}}, "instances: must be a list"),
        ({"unavailable": {"firewalls": "no permission"}}, "firewalls: could not be read: no permission"),
        ({"unavailable": {"instances": "no permission"}}, "instances: could not be read: no permission"),
        ({"unavailable": []}, "unavailable: maps a list's name to why it could not be read"),
    ],
)
def test_what_is_no_recording_is_refused(changes: Raw, message: str) -> None:
    """The message names the field."""
    with pytest.raises(NotARecording) as raised:
        firewall_of(recording() | changes)
    assert str(raised.value) == message


# change to a rule that would admit the flow: the problem it becomes
BROKEN: list[tuple[Raw, str]] = [
    ({"priority": "1000"}, "r: priority: '1000' is not within 0-65535"),
    ({"priority": 70000}, "r: priority: 70000 is not within 0-65535"),
    ({"direction": "BOTH"}, "r: direction: 'BOTH' is neither INGRESS nor EGRESS"),
    ({"denied": [{"IPProtocol": "udp"}]}, "r: allowed, denied: exactly one of them is needed"),
    ({"allowed": None}, "r: allowed, denied: exactly one of them is needed"),
    ({"allowed": [{"ports": ["53"]}]}, "r: allowed: each entry needs IPProtocol"),
    ({"allowed": [entry("udp", "53-")]}, "r: allowed: port '53-' is neither N nor N-M"),
    ({"allowed": [entry("udp", "54-53")]}, "r: allowed: ports '54-53' are not within 0-65535"),
    ({"allowed": [entry("carp")]}, "r: allowed: IPProtocol 'carp' is neither a known name nor a number up to 255"),
    ({"allowed": [entry("udp") | {"icmpTypes": [8]}]}, "r: allowed: icmpTypes is not known to this version"),
    ({"sourceRanges": ["10.0.0.0/33"]}, "r: sourceRanges: '10.0.0.0/33' does not appear to be an IPv4 or IPv6 network"),
    ({"sourceRanges": "0.0.0.0/0"}, "r: sourceRanges: must be a list of texts that can be printed"),
    ({"targetTags": [7]}, "r: targetTags: must be a list of texts that can be printed"),
    ({"disabled": "no"}, "r: disabled: must be true or false"),
    ({"network": 7}, "r: network: must be a text that can be printed"),
    ({"sourceFuture": []}, "r: sourceFuture: is not known to this version"),
    ({"source\x1b[2J": []}, "r: 'source\\x1b[2J': is not known to this version"),
    ({"name": "\x1b[2J"}, "firewalls[0]: name: must be a text that can be printed"),
    (
        {"allowed": [entry("udp", "5" * 5000)]},
        f"r: allowed: ports '{'5' * 5000}' are not within 0-65535",
    ),
    (
        {"allowed": [entry("6" * 5000)]},
        f"r: allowed: IPProtocol '{'6' * 5000}' is neither a known name nor a number up to 255",
    ),
]


@pytest.mark.parametrize(("change", "problem"), BROKEN, ids=[problem[:80] for _, problem in BROKEN])
def test_an_unreadable_rule_is_a_problem_and_cannot_tell(change: Raw, problem: str) -> None:
    """It names rule and field; what the rule could decide becomes undetermined, neither permitted nor blocked."""
    fw = firewall({key: value for key, value in (rule("r") | change).items() if value is not None})
    assert problem in [str(p) for p in fw.problems]
    flow = asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53")
    got = predict(flow, fw)
    name = problem.partition(":")[0]
    assert (got.prediction, got.decided_by) == (Prediction.UNDETERMINED, (f"undecided:firewall:{name}",))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (entry("icmp", "53"), "r: allowed: icmp has no ports"),
        (entry("icmp") | {"icmpTypes": [8]}, "r: allowed: icmpTypes is not known to this version"),
    ],
)
def test_a_protocol_that_can_be_read_is_all_that_a_rule_is_about(change: Raw, problem: str) -> None:
    """Of an entry that is otherwise unreadable: that protocol cannot be told, every other one is none of its business."""
    fw = firewall(rule("r", allowed=[change]))
    decided = {
        l4: predict(asked("10.24.12.40@node-2", "10.24.9.31@node-1", l4), fw).decided_by for l4 in ("icmp", "udp/53")
    }
    assert ([str(p) for p in fw.problems], decided) == (
        [problem],
        {"icmp": ("undecided:firewall:r",), "udp/53": ("implied-deny-ingress",)},
    )


def test_an_unreadable_machine_is_a_problem() -> None:
    """Its flows are undetermined rather than decided without its tags."""
    fw = firewall(rule("a"), instances=[machine("node-1", "10.142.15.999")])
    assert [p.where for p in fw.problems] == ["node-1"]
    assert predict(asked("203.0.113.9", "10.24.9.31@node-1", "udp/53"), fw).prediction is Prediction.UNDETERMINED


def test_what_could_not_be_read_is_a_problem() -> None:
    """A missing permission is said, with the list it concerns."""
    fw = firewall(unavailable={"routes": "missing permission compute.routes.list"})
    assert [str(p) for p in fw.problems] == ["routes: could not be read: missing permission compute.routes.list"]


def test_a_list_that_nobody_knows_is_a_problem() -> None:
    """A misspelt or newer list is said, not passed over."""
    fw = firewall_of(recording(rule("a")) | {"firewals": []})
    assert [str(p) for p in fw.problems] == ["firewals: is not known to this version"]


def test_what_is_nested_too_deeply_is_no_recording() -> None:
    """The parser ends with a sentence, not with the interpreter's stack."""
    deep: Any = "bottom"
    for _ in range(5000):
        deep = {"in": deep}
    with pytest.raises(NotARecording, match="is nested too deeply"):
        firewall_of(recording() | {"networks": [deep]})


def test_the_revision_is_that_of_the_content() -> None:
    """Order, timestamps and descriptions do not count; a rule does."""
    before = recording(rule("a"), rule("b"))
    same = recording(rule("b", description="x", creationTimestamp="2026"), rule("a", fingerprint="y"))
    assert revision_of(before) == revision_of(same)
    assert revision_of(before) != revision_of(recording(rule("a")))


def test_the_revision_is_that_of_the_bindings() -> None:
    """Whatever a machine or an address group is called."""
    bound = recording(secureTagBindings={"kind": ["tagValues/1"]})
    assert revision_of(bound) != revision_of(recording(secureTagBindings={"kind": []}))


@pytest.mark.parametrize(("name", "rules"), [("before", 6), ("outage", 5)])
def test_the_shipped_recordings_are_read_without_problems(name: str, rules: int) -> None:
    """The story's two recordings, before and after the deletion."""
    fw = firewall_of(json.loads((STORY / f"{name}.json").read_text()))
    assert (len(fw.rules), len(fw.instances), fw.policies, fw.problems) == (rules, 3, (), ())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value within."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, item in inner for p in places(item, (*path, key)))]


SAMPLE = recording(rule("a", sourceTags=["t"], targetTags=[NODE_TAG]), policies=[{"name": "p", "rules": [{}]}])


@given(st.sampled_from([p for p in places(SAMPLE) if p]), json_values)
def test_no_json_crashes_the_parser(place: tuple[Any, ...], value: Any) -> None:
    """Any value anywhere in a recording is read, becomes a problem, or makes it no recording."""
    broken = deepcopy(SAMPLE)
    holder = broken
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    try:
        fw = firewall_of(broken)
    except NotARecording:
        return
    predict(asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53"), fw)


CLOSED = rule("a", sourceRanges=["10.128.0.0/9"], targetTags=[NODE_TAG], allowed=[entry("udp", "53")])


@given(st.sampled_from([p for p in places(CLOSED) if p and p[0] not in ("name", "network")]), json_values)
def test_nothing_malformed_widens_a_rule(place: tuple[Any, ...], value: Any) -> None:
    """A flow that the sound rule does not admit is not admitted by what is left of a broken one."""
    broken = deepcopy(CLOSED)
    holder: Any = broken
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    fw = firewall(broken)
    if fw.problems:
        got = predict(asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53"), fw)
        assert got.prediction is not Prediction.PERMITTED
