"""What the emulator makes of the recording that it starts from."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.lab.cloud.api import Api
from e2e.lab.cloud.reading import Call
from e2e.lab.cloud.store import SeedError
from tests.lab.cloud.conftest import Remembering
from tests.lab.cloud.seeds import PROJECT, ROOT, recording, rule


def changed(**fields: Any) -> dict[str, Any]:
    return recording() | fields


WRONG_SEEDS = {
    "format must be 'pathcheck-recording/1', not 'x'": changed(format="x"),
    "project must be the project's id": changed(project=""),
    "instances must be a list of objects": changed(instances={}),
    "instances[0].name must be set": changed(instances=[{}]),
    "instances[0].zone must be set (a)": changed(instances=[{"name": "a"}]),
    "networks[1]: global/networks/a is there twice": changed(networks=[{"name": "a"}, {"name": "a"}]),
    "effectiveFirewalls[0] must have network, region and answer": changed(effectiveFirewalls=[{}]),
    "firewalls[0]: Invalid value for field 'resource.priority': '-1'. Must be greater than or equal to 0": (
        recording(rule("x", "tcp", priority=-1))
    ),
    "firewalls[1]: The resource 'projects/august-period-234610/global/firewalls/x' already exists": (
        recording(rule("x", "tcp"), rule("x", "udp"))
    ),
}


@pytest.mark.parametrize("reason", WRONG_SEEDS)
def test_wrong_seeds(reason: str) -> None:
    """A recording that the API could not have given is refused by the field that is wrong."""
    with pytest.raises(SeedError) as error:
        Api(WRONG_SEEDS[reason], Remembering())
    assert str(error.value) == reason


def test_the_seed_is_enforced_at_once() -> None:
    """The rules of the recording are in force, all in one change, before the first call."""
    enforcer = Remembering()
    Api(recording(rule("b", "tcp"), rule("a", "tcp", disabled=True)), enforcer)
    assert enforcer.given == [["a", "b"]]


def test_recorded_fields_are_kept() -> None:
    """What a recording says about a resource is answered as it says; what it leaves out is filled in."""
    recorded = rule("x", "tcp") | {
        "id": "7",
        "creationTimestamp": "2020-01-26T00:00:00.000-08:00",
        "kind": "compute#firewall",
    }
    api = Api(recording(recorded), Remembering())
    found = api.answer(Call("GET", f"/projects/{PROJECT}/global/firewalls/x", {}))
    assert (found["id"], found["creationTimestamp"]) == ("7", "2020-01-26T00:00:00.000-08:00")
    node = api.answer(Call("GET", f"/projects/{PROJECT}/zones/us-east1-b/instances/node-1", {}))
    assert (node["kind"], node["selfLink"]) == ("compute#instance", f"{ROOT}/zones/us-east1-b/instances/node-1")
    assert node["id"].isdecimal()


def test_recorded_policies_are_enforced_as_far_as_they_can_be() -> None:
    """Of a recorded policy the rules that can be put on packets are in force, the others are noted; the answer has all."""
    match = {"layer4Configs": [{"ipProtocol": "all"}]}
    good = {"priority": 1, "action": "deny", "direction": "INGRESS", "match": match}
    odd = good | {"priority": 2, "match": match | {"srcFqdns": ["a.example"]}}
    later = good | {"priority": 3, "match": match | {"srcFutureCondition": ["x"]}}
    system = {"name": "gke", "type": "SYSTEM_REGIONAL", "rules": [good, odd, later]}
    answer = {"firewallPolicys": [system, {"name": "new", "type": "GALACTIC", "rules": [good]}]}
    enforcer = Remembering()
    api = Api(changed(effectiveFirewalls=[{"network": "default", "region": "us-east1", "answer": answer}]), enforcer)
    place = ("global/networks/default", "us-east1")
    assert enforcer.wanted[-1].policies[place] == [system | {"rules": [good]}]
    said = "of network default in us-east1 is answered and not enforced: "
    assert api.notes == [
        f"policy:gke/2 {said}Invalid value for field 'resource.match.srcFqdns': '['a.example']'. "
        "The emulator cannot put this on packets, and takes it from its seed only.",
        f"policy:gke/3 {said}Invalid JSON payload received. "
        "Unknown name \"srcFutureCondition\" at 'resource.match': Cannot find field.",
        f"policy:new/1 {said}type GALACTIC is unknown",
    ]
    path = f"/projects/{PROJECT}/regions/us-east1/firewallPolicies/getEffectiveFirewalls"
    assert (
        api.answer(Call("GET", path, {"network": "global/networks/default"}))["firewallPolicys"]
        == (answer["firewallPolicys"])
    )
