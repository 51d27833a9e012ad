"""The real google-cloud-compute client against a small HTTP server of ours: what is asked, what is kept, and how it fails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import Unauthorized

from pathcheck.shell.google_calls import read_error
from pathcheck.wire.firewall_rules import firewall_of
from tests.recordings import PROJECT, Raw, recording, rule
from tests.shell.google import EFFECTIVE, WANTED, Cloud, answers, error, read, served
from tests.shell.test_google_calls import LOG, audit


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The story's nodes and two pages of rules."""
    with served() as cloud:
        yield cloud


def test_a_recording_is_made_of_raw_answers(cloud: Cloud) -> None:
    """All pages, with the field that no client knows, and of instances nothing that is secret."""
    expected = recording(rule("a"), rule("b", sourceFuture=["x"])) | {"subnetworks": [{"name": "default"}]}
    effective = [{"network": "default", "region": "us-east1", "answer": {"firewallPolicys": []}}]
    assert read(cloud) == {"recording": expected | {"effectiveFirewalls": effective}}


def test_each_list_is_read_once(cloud: Cloud) -> None:
    """One call a list and page, and one a network and region."""
    read(cloud)
    assert sorted(cloud.asked) == sorted(cloud.answers)


def test_all_machines_matter_where_none_are_named(cloud: Cloud) -> None:
    """The networks and regions of each are read; of machines that are named, theirs alone."""
    instances_of(cloud)[2]["zone"] = "zones/europe-west1-b"
    elsewhere = EFFECTIVE.replace("us-east1", "europe-west1")
    cloud.answers[elsewhere] = {"firewallPolicys": []}
    asked = [{"project": PROJECT}, WANTED, WANTED | {"instances": []}]
    found = [answer["recording"] for answer in answers(cloud, *(json.dumps({"read": wanted}) for wanted in asked))]
    regions = [[entry["region"] for entry in recording.get("effectiveFirewalls", [])] for recording in found]
    assert regions == [["europe-west1", "us-east1"], ["us-east1"], []]


@pytest.mark.parametrize(
    ("paths", "permission"),
    [
        (["aggregated/instances"], "compute.instances.list"),
        (["global/firewalls", EFFECTIVE], "compute.firewalls.list"),
    ],
)
def test_what_nothing_can_be_said_without(cloud: Cloud, paths: list[str], permission: str) -> None:
    """Without machines, or without rules from anywhere, there is no recording, and the permission is named."""
    for path in paths:
        cloud.answers[path] = (403, error("forbidden", f"Required '{permission}' permission for 'projects/p'"))
    failure = read(cloud)["error"]
    assert (failure["kind"], failure["permission"]) == ("forbidden", permission)


@pytest.mark.parametrize(
    ("path", "key", "permission"),
    [
        ("global/routes", "routes", "compute.routes.list"),
        ("global/networks", "networks", "compute.networks.list"),
        ("aggregated/subnetworks", "subnetworks", "compute.subnetworks.list"),
    ],
)
def test_what_can_be_done_without(cloud: Cloud, path: str, key: str, permission: str) -> None:
    """One missing permission leaves out one list, and says which."""
    cloud.answers[path] = (403, error("forbidden", "no"))
    answer = read(cloud)["recording"]
    assert answer[key] == []
    assert answer["unavailable"][key].endswith(f"(missing permission {permission})")
    assert [p.where for p in firewall_of(answer).problems if p.where == key] == [key]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        ((403, error("rateLimitExceeded", "Quota exceeded for quota group 'ListGroup'")), "rate-limited"),
        ((404, error("notFound", "no such project")), "invalid"),
        ((400, error("invalid", "Invalid value")), "invalid"),
    ],
)
def test_failures_have_a_kind(cloud: Cloud, failure: Any, kind: str) -> None:
    """What the operator does next depends on it; no permission is named where none is missing."""
    cloud.answers["global/firewalls"] = failure
    answer = read(cloud)["error"]
    assert (answer["kind"], "permission" in answer) == (kind, False)


@pytest.mark.parametrize(("code", "reason"), [(403, "forbidden"), (404, "notFound")])
def test_one_region_that_does_not_answer(cloud: Cloud, code: int, reason: str) -> None:
    """Its policies are unknown; everything else is as it was."""
    missing = " (missing permission compute.networks.getRegionEffectiveFirewalls)" if code == 403 else ""
    cloud.answers[EFFECTIVE] = (code, error(reason, "no"))
    answer = read(cloud)["recording"]
    entry = {"network": "default", "region": "us-east1", "unavailable": f"no{missing}"}
    assert answer["effectiveFirewalls"] == [entry]
    assert "unavailable" not in answer
    problems = firewall_of(recording(effectiveFirewalls=[entry])).problems
    assert [str(p) for p in problems] == [f"effectiveFirewalls[0]: default in us-east1: could not be read: no{missing}"]


def test_rules_without_their_list(cloud: Cloud) -> None:
    """The effective firewalls have them, and it is said what they lack."""
    cloud.answers[EFFECTIVE] = {"firewalls": [rule("a")], "firewallPolicys": []}
    cloud.answers["global/firewalls"] = (403, error("forbidden", "no"))
    answer = read(cloud)["recording"]
    assert answer["unavailable"] == {"firewalls": "no (missing permission compute.firewalls.list)"}
    assert [r.name for r in firewall_of(answer).rules] == ["a"]


GROUP = "projects/p/locations/global/addressGroups/dns"
URL = f"https://networksecurity.googleapis.com/v1/{GROUP}"
OF_ORGANIZATION = "organizations/7/locations/global/addressGroups/edge"
PARENT = f"//compute.googleapis.com/projects/{PROJECT}/zones/us-east1-b/instances/"
NODES = ("node-1", "node-2", "node-3")


def policies(cloud: Cloud, match: Raw, **changes: Any) -> None:
    """One policy with one rule, and what the other APIs know."""
    layer4 = {"layer4Configs": [{"ipProtocol": "all"}]}
    raw = {"priority": 1, "action": "allow", "direction": "INGRESS", "match": layer4 | match} | changes
    cloud.answers[EFFECTIVE] = {"firewallPolicys": [{"name": "p", "type": "NETWORK", "rules": [raw]}]}
    for number, machine in enumerate(instances_of(cloud)):
        machine["id"] = str(number)
        tag = {"tagValue": f"tagValues/{number}", "tagKey": "tagKeys/1"}
        cloud.answers[f"/v3/effectiveTags{PARENT}{number}"] = {"effectiveTags": [tag]}


def instances_of(cloud: Cloud) -> list[Raw]:
    """The machines that it has."""
    found: list[Raw] = cloud.answers["aggregated/instances"]["items"]["zones/us-east1-b"]["instances"]
    return found


def elsewhere(cloud: Cloud) -> list[str]:
    """What was asked of other APIs."""
    return [path for path in cloud.asked if path.startswith(("/v1", "/v3"))]


def test_address_groups_are_read_where_a_rule_names_them(cloud: Cloud) -> None:
    """By path or URL, of a project or an organization, and kept by the name that the rule uses."""
    policies(cloud, {"srcAddressGroups": [URL, "own"], "destAddressGroups": [OF_ORGANIZATION, "no/group"]})
    own = f"projects/{PROJECT}/locations/global/addressGroups/own"
    cloud.answers |= {
        f"/v1/{GROUP}": {"name": GROUP, "items": ["10.0.0.0/8"]},
        f"/v1/{OF_ORGANIZATION}": {"name": OF_ORGANIZATION},
        f"/v1/{own}": {"items": ["10.1.0.0/16"]},
    }
    recording = read(cloud)["recording"]
    assert recording["addressGroups"] == {URL: ["10.0.0.0/8"], "own": ["10.1.0.0/16"], OF_ORGANIZATION: []}
    assert sorted(elsewhere(cloud)) == sorted([f"/v1/{GROUP}", f"/v1/{OF_ORGANIZATION}", f"/v1/{own}"])


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        ((403, error("forbidden", "no")), "no (missing permission networksecurity.addressGroups.get)"),
        ((404, error("notFound", "no")), "no"),
        ((200, []), ""),
    ],
)
def test_an_address_group_that_cannot_be_read(cloud: Cloud, failure: Any, why: str) -> None:
    """It costs what depends on it, and no other group."""
    policies(cloud, {"srcAddressGroups": [GROUP, OF_ORGANIZATION]})
    cloud.answers |= {f"/v1/{GROUP}": failure, f"/v1/{OF_ORGANIZATION}": {"items": ["10.0.0.0/8"]}}
    recording = read(cloud)["recording"]
    read_all: Raw = {GROUP: []} if not why else {}
    assert recording["addressGroups"] == read_all | {OF_ORGANIZATION: ["10.0.0.0/8"]}
    assert recording.get("unavailable", {}).get("addressGroups", "").endswith(why)


@pytest.mark.parametrize(
    ("match", "changes", "bindings"),
    [
        ({}, {}, {}),
        (
            {},
            {"targetSecureTags": [{"name": "tagValues/0"}]},
            {"node-1": ["tagValues/0"], "node-2": None, "node-3": None},
        ),
        ({"srcSecureTags": [{"name": "t"}]}, {}, {name: [f"tagValues/{n}"] for n, name in enumerate(NODES)}),
    ],
)
def test_secure_tags_are_read_where_a_rule_names_one(cloud: Cloud, match: Raw, changes: Raw, bindings: Raw) -> None:
    """Of the machines that matter for a target, of all for a source; of the others nobody knows them."""
    policies(cloud, match, **changes)
    assert read(cloud)["recording"]["secureTagBindings"] == bindings
    assert len(elsewhere(cloud)) == len([tags for tags in bindings.values() if tags])


def test_secure_tags_come_in_pages(cloud: Cloud) -> None:
    """A machine may inherit many."""
    policies(cloud, {}, targetSecureTags=[{"name": "tagValues/0"}])
    path = f"/v3/effectiveTags{PARENT}0"
    cloud.answers |= {
        path: {"effectiveTags": [{"tagValue": "a"}], "nextPageToken": "2"},
        f"{path}#2": {"effectiveTags": [{"tagValue": "b"}]},
    }
    assert read(cloud)["recording"]["secureTagBindings"]["node-1"] == ["a", "b"]


def test_secure_tags_that_may_not_be_read(cloud: Cloud) -> None:
    """One refusal is enough; a machine that is gone costs its own tags only."""
    policies(cloud, {"srcSecureTags": [{"name": "tagValues/0"}]})
    cloud.answers[f"/v3/effectiveTags{PARENT}1"] = (404, error("notFound", "gone"))
    assert read(cloud)["recording"]["secureTagBindings"]["node-2"] is None
    cloud.answers[f"/v3/effectiveTags{PARENT}0"] = (403, error("forbidden", "no"))
    recording = read(cloud)["recording"]
    assert recording["secureTagBindings"] == {}
    assert recording["unavailable"]["secureTagBindings"].endswith(
        "(missing permission compute.instances.listEffectiveTags)"
    )


def test_the_role_that_the_documentation_makes_is_what_is_asked(cloud: Cloud) -> None:
    """docs/gke.md grants each permission that some call lacks when it is refused, and no other."""
    policies(cloud, {"srcSecureTags": [{"name": "t"}], "srcAddressGroups": [GROUP]})
    cloud.answers[f"/v1/{GROUP}"] = {"items": []}
    cloud.answers[EFFECTIVE]["firewalls"] = []
    cloud.answers[LOG] = {}
    missing = set()
    for path in [p for p in cloud.answers if "#" not in p]:
        kept, cloud.answers[path] = cloud.answers[path], (403, error("forbidden", "no"))
        answer = audit(cloud) if path == LOG else read(cloud)
        said = answer["error"]["permission"] if "error" in answer else str(answer["recording"])
        missing |= set(re.findall(r"(?:compute|networksecurity|logging)\.[A-Za-z.]+(?=\)|$)", said))
        cloud.answers[path] = kept
    page = (Path(__file__).parents[2] / "docs" / "gke.md").read_text()
    (granted,) = re.findall(r"--permissions=(\S+)", page)
    assert set(granted.split(",")) == missing


@pytest.mark.parametrize("path", ["aggregated/instances", "global/routes"])
def test_credentials_that_are_not_taken_are_no_missing_permission(cloud: Cloud, path: str) -> None:
    """401 is said as what it is, even of a list that could be done without; the client's own try to renew them ends here."""
    cloud.answers[path] = (401, error("authError", "Invalid Credentials"))
    why = "no usable credentials: Anonymous credentials cannot be refreshed."
    assert read(cloud)["error"] == {"kind": "unavailable", "why": why}


def test_credentials_that_were_renewed_in_vain() -> None:
    """The API's 401 to the renewed ones is no missing permission either."""
    failure = read_error(Unauthorized("Invalid Credentials"), "compute.routes.list")  # type: ignore[no-untyped-call]
    said = (failure.kind, str(failure), failure.permission)
    assert said == ("unavailable", "the Compute API does not take the credentials: Invalid Credentials", "")


@pytest.mark.parametrize("code", [429, 500, 503])
def test_what_passes_is_tried_again(cloud: Cloud, code: int) -> None:
    """One bad answer among good ones is no failure."""
    cloud.answers["global/firewalls#2"] = [(code, error("backendError", "later")), cloud.answers["global/firewalls#2"]]
    assert [f["name"] for f in read(cloud)["recording"]["firewalls"]] == ["a", "b"]


def test_nobody_answers() -> None:
    """A refused connection is told as one."""
    nobody = Cloud({}, url="http://127.0.0.1:1")
    failure = read(nobody)["error"]
    assert failure["kind"] == "unavailable"
    assert failure["why"].startswith("the Compute API does not answer: ")


def test_a_bad_request_is_answered_and_the_next_one_too(cloud: Cloud) -> None:
    """The reader does not die of what it is told."""
    kinds = [next(iter(a)) for a in answers(cloud, "{", '{"reed": 1}', json.dumps({"read": WANTED}))]
    assert kinds == ["error", "error", "recording"]
