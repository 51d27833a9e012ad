"""A scrubbed recording: every packet meets the same, and nothing tells whose it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from pathcheck.cli.flows import answers
from pathcheck.wire import firewall_policies, firewall_rules, policy_rules
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.scrub import ANSWER, FIREWALL, MATCH, POLICY, POLICY_RULE, RECORDING, Scrubbed, scrub
from pathcheck.wire.scrub_fields import PERMISSIONS
from tests.evaluator.strategies import Json, examples, recordings, several_flows
from tests.evaluator.test_fuzz import JUNK, places, put
from tests.evaluator.test_fuzz import Path as Keys
from tests.recordings import machine, recording, rule

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in ("tests/recorded", "docs/story")
    for path in (ROOT / folder).glob("*.json")
    if "pathcheck-recording/1" in path.read_text()
)
RECORDED = {path.stem: json.loads(path.read_text()) for path in FILES}
keys = st.binary(min_size=32, max_size=32)
SECRET = "zq7secret"
NUMBER = 987654321987
PUBLIC = "44.55.66.77"
PUBLIC6 = "2a02:1234:5678:9abc::1"
# In every form in which a text may hold it, those among them that some field takes.
SECRETS = [
    SECRET,
    SECRET.upper(),
    f"{SECRET}\a",
    f"{NUMBER}",
    NUMBER,
    -NUMBER,
    NUMBER + 0.5,
    f"https://{SECRET}.example/v1/projects/{SECRET}/global/networks/{SECRET}",
    f"projects/{NUMBER}/zones/{SECRET}-b/instances/{SECRET}",
    f"projects/{SECRET}/zones/europe-west1-{SECRET}",
    f"{NUMBER}-compute@developer.gserviceaccount.com",
    f"someone@{SECRET}.example",
    f"gke-{SECRET}-1a2b3c4d-all",
    f"default-{SECRET}",
    f"Required 'compute.routes.list' permission for 'projects/{SECRET}'",
    PUBLIC,
    f"{PUBLIC}/24",
    f"{PUBLIC}/0",
    PUBLIC6,
    f"{PUBLIC6}%{SECRET}",
    f"fe80::1%{SECRET}",
    [SECRET],
    {SECRET: SECRET},
    {"unavailable": SECRET},
]


def text_of(recording: Json) -> str:
    return json.dumps(recording, ensure_ascii=False)


def scrubbed(recording: Json, key: bytes = b"k") -> Json:
    return scrub(recording, key).recording


def made_public(value: Any) -> Any:
    """The same cloud and flows at other addresses: what was private is public."""
    moved = json.dumps(value)
    for private, public in (
        ('"10.', '"51.'),
        ('"203.0.113.', '"44.55.66.'),
        ('"fd20:0', '"2a02:0'),
        ('"fd20::', '"2a02::'),
    ):
        moved = moved.replace(private, public)
    return json.loads(moved)


clouds = recordings() | recordings().map(made_public)


# What is decided


def asked_of(scrubbed: Scrubbed, flow: Json) -> Json:
    """The same question, of the scrubbed recording."""
    end = {key: scrubbed.addresses.address(ip_address(flow[key]["ip"])) for key in ("src", "dst")}
    names = scrubbed.names["instance"]
    ends = {
        key: flow[key]
        | {"ip": str(end[key])}
        | ({"instance": names.get(flow[key]["instance"], flow[key]["instance"])} if "instance" in flow[key] else {})
        for key in end
    }
    return flow | ends


def renamed(name: str, words: dict[str, dict[str, str]]) -> str:
    """A decider's or an obstacle's name, with the word for what it names; the range of a missing route is left out."""
    *before, last = name.split(":") if not name.startswith("route:missing:") else ("route", "missing", "")
    if before and before[-1] == "firewall":
        last = words["rule"][last]
    elif before and before[-1] == "policy":
        policy, _, priority = last.rpartition("/")
        last = f"{words['policy'][policy]}/{priority}"
    elif before and before[-1] == "instance":
        last = words["instance"].get(last, last)
    elif before == ["route"]:
        last = words["route"].get(last, last)
    return ":".join([*before, last])


def told(answer: Json, words: dict[str, dict[str, str]] | None) -> Json:
    """What does not hang on addresses, in the words of the scrubbed recording."""

    def said(name: str) -> str:
        if words is None:
            return "route:missing:" if name.startswith("route:missing:") else name
        return renamed(name, words)

    lists = {key: [said(name) for name in answer[key]] for key in ("decidedBy", "egressDecidedBy", "ingressDecidedBy")}
    misses = [(said(miss["rule"]), miss["fields"]) for miss in answer["nearMisses"]]
    obstacles = [(said(o["name"]), o["stage"], o["direction"]) for o in answer["obstacles"]]
    return {"prediction": answer["prediction"], **lists, "nearMisses": misses, "obstacles": obstacles}


@examples(40)
@given(clouds, several_flows, st.booleans(), keys)
def test_every_packet_meets_the_same(recording: Json, flows: list[Json], public: bool, key: bytes) -> None:
    """The same prediction by the same rules on both sides, with the same near misses and obstacles in the same order."""
    flows = made_public(flows) if public else flows
    found = scrub(recording, key)
    words = {kind: dict(names) for kind, names in found.names.items()}
    before = [told(answer, words) for answer in answers(recording, flows)]
    after = [told(answer, None) for answer in answers(found.recording, [asked_of(found, flow) for flow in flows])]
    assert after == before


@examples(40)
@given(clouds, several_flows, JUNK | st.sampled_from(SECRETS), keys, st.data())
def test_what_cannot_be_judged_still_cannot(
    recording: Json, flows: list[Json], junk: Any, key: bytes, data: st.DataObject
) -> None:
    """With junk in any place there are as many problems at the same rules as before, and the same predictions."""
    broken = put(recording, data.draw(st.sampled_from(places(recording))), junk)
    try:
        found = scrub(broken, key)
    except NotARecording:
        reject()
    before, after = firewall_of(broken).problems, firewall_of(found.recording).problems
    assert len(after) == len(before)
    got = answers(found.recording, [asked_of(found, flow) for flow in flows])
    assert [a["prediction"] for a in got] == [a["prediction"] for a in answers(broken, flows)]


@pytest.mark.parametrize("name", RECORDED)
def test_whole_projects_are_read_without_problems(name: str) -> None:
    """As before."""
    assert firewall_of(scrubbed(RECORDED[name])).problems == ()


# What is told


def with_key(recording: Json, path: Keys) -> Json:
    """A field that nobody knows, in the object at this place."""
    return put(recording, (*path, SECRET), {SECRET: [SECRET]})


@examples(100)
@given(clouds, st.sampled_from(SECRETS), keys, st.data())
def test_nothing_gets_through_from_anywhere(recording: Json, secret: Any, key: bytes, data: st.DataObject) -> None:
    """A secret in place of any value, and as a key in any object, is in no form in the scrubbed text."""
    path = data.draw(st.sampled_from(places(recording)))
    assume(path != ("format",))
    planted = put(recording, path, secret)
    objects = [(), *(p for p in places(planted) if isinstance(at(planted, p), dict))]
    planted = with_key(planted, data.draw(st.sampled_from(objects)))
    try:
        text = text_of(scrubbed(planted, key))
    except NotARecording:
        reject()
    assert_untold(text)


def assert_untold(text: str) -> None:
    assert not re.search(f"{SECRET}|{NUMBER}|{re.escape(PUBLIC)}|{PUBLIC6}", text, re.IGNORECASE)


def at(recording: Any, path: Keys) -> Any:
    for key in path:
        recording = recording[key]
    return recording


def leaves(value: Any) -> Iterator[str]:
    """Every text in it, keys included."""
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("name", RECORDED)
def test_no_name_of_a_project_is_left(name: str) -> None:
    """Of all the words of whole projects none is left but the API's own, Google's and numbers."""
    own = {word for text in leaves(scrubbed(RECORDED[name])) for word in re.findall("[a-z][A-Za-z]+", text)}
    assert own & set(THEIRS) == set()
    assert {word for text in leaves(RECORDED[name]) for word in re.findall("[a-z][A-Za-z]+", text)} & set(THEIRS)


# Projects, clusters, pools, machines, accounts, groups and policies of tests/recorded and docs/story.
THEIRS = [
    "august", "period", "akrobateo", "traefik", "branch", "office", "corp", "sql", "shop", "vault", "quiet", "fresh", "extra", "pool",
    "bastion", "baseline", "monitoring", "web", "db", "legacy", "perimeter", "private", "public", "prod",
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("8.8.8.8/0", "0.0.0.0/0"),
        ("10.5.3.77/25", "10.5.3.0/25"),
        ("10.0.0.2", "10.0.0.2"),
        ("35.191.4.0/22", "35.191.4.0/22"),
        ("35.235.240.0/20", "35.235.240.0/20"),
        ("fd20:0:0:1::5/96", "fd20:0:0:1::/96"),
        ("::/0", "::/0"),
        ("203.0.113.0/24", "203.0.113.0/24"),
    ],
)
def test_ranges_that_stay(before: str, after: str) -> None:
    """They are written as the network that they mean."""
    [found] = scrubbed(recording(rule("a", sourceRanges=[before])))["firewalls"]
    assert found["sourceRanges"] == [after]


def test_names_mean_the_same_wherever_they_are() -> None:
    """A network by its URL and by its name, a machine in a route and in a binding, a group by its path."""
    far = "https://www.googleapis.com/compute/v1/projects/host-project/global/networks/shared"
    group = "projects/host-project/locations/global/addressGroups/offices"
    step = {
        "priority": 1,
        "action": "deny",
        "direction": "INGRESS",
        "match": {"srcAddressGroups": [group], "layer4Configs": [{"ipProtocol": "all"}]},
        "targetResources": [far, "https://www.googleapis.com/compute/v1/projects/123/global/networks/456"],
    }
    found = scrubbed(
        recording(
            rule("mine", network="prod", targetTags=["gke-prod-1a2b3c4d-node"]),
            instances=[machine("worker", "10.0.0.7", extra=[{"network": "prod", "networkIP": "10.1.0.7"}])],
            networks=[{"name": "shared", "selfLink": far, "peerings": [{"network": far}]}, {"name": "prod"}],
            effectiveFirewalls=[
                {
                    "network": "projects/host-project/global/networks/shared",
                    "region": "us-east1",
                    "answer": {
                        "firewallPolicys": [{"name": "7", "displayName": "ours", "type": "HIERARCHY", "rules": [step]}]
                    },
                },
                {"network": "prod", "region": "us-east1", "unavailable": "the project is called prod"},
            ],
            routes=[{"name": "r", "destRange": "10.24.0.0/24", "nextHopInstance": "zones/us-east1-b/instances/worker"}],
            addressGroups={"offices": ["44.55.66.0/24"]},
            secureTagBindings={"us-east1-b/worker": ["tagValues/123"], "worker": None},
        )
    )
    shared = "projects/project-2/global/networks/network-3"
    assert found["networks"] == [
        {"name": "network-3", "selfLink": shared, "peerings": [{"network": shared}]},
        {"name": "network-2"},
    ]
    assert [nic["network"].rpartition("/")[2] for nic in found["instances"][0]["networkInterfaces"]] == [
        "default",
        "network-2",
    ]
    assert found["firewalls"][0]["network"] == "projects/project-1/global/networks/network-2"
    assert found["firewalls"][0]["targetTags"] == ["tag-2-gke-node"]
    first, second = found["effectiveFirewalls"]
    assert first["network"] == shared
    assert second == {"network": "network-2", "region": "us-east1", "unavailable": "the reason is scrubbed"}
    [policy] = first["answer"]["firewallPolicys"]
    assert (policy["name"], policy["displayName"]) == ("policy-1", "policy-2")
    assert policy["rules"][0]["targetResources"] == [shared, "projects/1/global/networks/2"]
    assert policy["rules"][0]["match"]["srcAddressGroups"] == [
        "projects/project-2/locations/global/addressGroups/group-1"
    ]
    assert list(found["addressGroups"]) == ["group-1"]
    assert found["routes"][0]["nextHopInstance"] == "zones/us-east1-b/instances/instance-1"
    assert found["secureTagBindings"] == {"us-east1-b/instance-1": ["secure-tag-1"], "instance-1": None}


def test_why_something_could_not_be_read_is_its_permission() -> None:
    """The sentence may name anything else."""
    why = f"Required 'compute.routes.list' permission for 'projects/{SECRET}'"
    found = scrubbed(recording(rule("a"), routes=[], unavailable={"routes": why, "networks": f"{SECRET} is down"}))
    assert found["unavailable"] == {
        "routes": "missing permission compute.routes.list",
        "networks": "the reason is scrubbed",
    }


def test_of_an_unknown_field_the_fact_is_left() -> None:
    """The rule still cannot be judged; what says nothing about packets is dropped."""
    [found] = scrubbed(recording(rule("a", sourceMoods=[SECRET], description=SECRET, logConfig={"enable": True})))[
        "firewalls"
    ]
    assert found["unknown-1"] is None
    assert found.keys() - {"unknown-1"} == rule("a").keys()


# How


@examples(20)
@given(clouds, keys)
def test_the_same_key_scrubs_the_same(recording: Json, key: bytes) -> None:
    """And another one changes nothing but addresses."""
    found = scrubbed(recording, key)
    assert scrubbed(recording, key) == found
    assert without_addresses(scrubbed(recording, key[::-1])) == without_addresses(found)


@examples(20)
@given(clouds, JUNK | st.sampled_from(SECRETS), keys, keys, st.data())
def test_what_is_scrubbed_is_not_renamed_again(
    recording: Json, junk: Any, key: bytes, other: bytes, data: st.DataObject
) -> None:
    """Scrubbing twice moves addresses, and changes nothing else."""
    try:
        once = scrubbed(put(recording, data.draw(st.sampled_from(places(recording))), junk), key)
    except NotARecording:
        reject()
    assert without_addresses(scrubbed(once, other)) == without_addresses(once)


def without_addresses(value: Any) -> Any:
    """What is left when every address and range is taken for one."""
    if isinstance(value, dict):
        return {key: without_addresses(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_addresses(item) for item in value]
    return re.sub(r"^[0-9a-f]*[:.][0-9a-f:.]+(/\d+)?$", "•", value) if isinstance(value, str) else value


def test_what_is_no_recording() -> None:
    """It is refused with the field."""
    with pytest.raises(NotARecording, match="format: is 'x'"):
        scrub({"format": "x"}, b"k")


def test_the_tables_are_those_of_the_evaluator() -> None:
    """What it learns to read, and what the reader asks for, has to be known here as well."""
    assert FIREWALL.keys() == firewall_rules.MATCHING
    assert POLICY_RULE.keys() == policy_rules.MATCHING
    assert MATCH.keys() == policy_rules.OF_MATCH
    assert POLICY.keys() == firewall_policies.OF_POLICY
    assert ANSWER.keys() == firewall_policies.OF_ANSWER
    assert RECORDING.keys() == firewall_rules.KEYS
    [granted] = re.findall(r"--permissions=(\S+)", (ROOT / "docs" / "gke.md").read_text())
    # The audit log is in no recording.
    assert set(PERMISSIONS) == set(granted.split(",")) - {"logging.logEntries.list"}
