"""Every permission that reading needs can be taken away alone, and the refusal is Google's."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import DEFAULT, PROJECT
from tests.lab.cloud.test_side_door import ask

HERE = f"/compute/v1/projects/{PROJECT}"
NODE = f"//compute.googleapis.com/projects/{PROJECT}/zones/us-east1-b/instances/node-1"
OF_PROJECT = f"projects/{PROJECT}"
OF_NETWORK = f"{OF_PROJECT}/global/networks/default"
# Permission: a call that needs it, and the resource that its refusal names.
CALLS = {
    "compute.firewalls.list": (f"{HERE}/global/firewalls", OF_PROJECT),
    "compute.networks.list": (f"{HERE}/global/networks", OF_PROJECT),
    "compute.networks.get": (f"{HERE}/global/networks/default", OF_NETWORK),
    "compute.networks.getEffectiveFirewalls": (f"{HERE}/global/networks/default/getEffectiveFirewalls", OF_NETWORK),
    "compute.networks.getRegionEffectiveFirewalls": (
        f"{HERE}/regions/us-east1/firewallPolicies/getEffectiveFirewalls?network={quote(DEFAULT, safe='')}",
        OF_NETWORK,
    ),
    "compute.instances.list": (f"{HERE}/aggregated/instances", OF_PROJECT),
    "compute.instances.get": (
        f"{HERE}/zones/us-east1-b/instances/node-1",
        f"{OF_PROJECT}/zones/us-east1-b/instances/node-1",
    ),
    "compute.routes.list": (f"{HERE}/global/routes", OF_PROJECT),
    "compute.subnetworks.list": (f"{HERE}/aggregated/subnetworks", OF_PROJECT),
    "compute.firewallPolicies.list": (f"{HERE}/global/firewallPolicies", OF_PROJECT),
}
ELSEWHERE = {
    "networksecurity.addressGroups.list": (
        f"/v1/{OF_PROJECT}/locations/global/addressGroups",
        f"{OF_PROJECT}/locations/global",
    ),
    "compute.instances.listEffectiveTags": (
        f"/v3/effectiveTags?parent={quote(NODE, safe='')}",
        "effectiveTags",
    ),
}


@pytest.mark.parametrize("permission", CALLS | ELSEWHERE)
def test_one_permission_is_missing(emulator: Serving, permission: str) -> None:
    """Without it the call that needs it is refused in its API's words, and every other call happens."""
    calls = CALLS | ELSEWHERE
    assert ask(emulator, "POST", "/lab/faults", {"answer": 403, "permission": permission})[0] == 200
    codes = {other: ask(emulator, "GET", path)[0] for other, (path, _) in calls.items()}
    assert codes == {other: 403 if other == permission else 200 for other in calls}
    path, resource = calls[permission]
    error = ask(emulator, "GET", path)[1]["error"]
    if permission in ELSEWHERE:
        assert error == {
            "code": 403,
            "message": f"Permission '{permission}' denied on '{resource}'",
            "status": "PERMISSION_DENIED",
        }
    else:
        assert error["message"] == f"Required '{permission}' permission for '{resource}'"
