"""Every rule of a policy that is refused, with the field that it names; what is stored of one that is not."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.lab.cloud.errors import ApiError
from e2e.lab.cloud.policy_rules import check_fields, default_rules, stored
from e2e.lab.cloud.store import Json

GROUP = "projects/p/locations/global/addressGroups/nodes"
TCP = {"layer4Configs": [{"ipProtocol": "tcp"}]}
NETWORK = "projects/p/global/networks/n"
HERE = "The emulator cannot put this on packets, and takes it from its seed only."


def rule(**fields: Any) -> dict[str, Any]:
    return {"priority": 1, "action": "allow", "match": TCP} | fields


def matching(**fields: Any) -> dict[str, Any]:
    return rule(match=TCP | fields)


def accepted(body: Any, *, hierarchical: bool = False) -> Json:
    return stored(check_fields(body), {"nodes"}, hierarchical=hierarchical)


INVALID = {
    "a priority beyond the last": (
        rule(priority=2**31),
        "resource.priority': '2147483648'. Must be less than or equal to 2147483647",
    ),
    "an action of its own": (
        rule(action="permit"),
        'resource.action\': \'permit\'. Must be one of ["allow", "deny", "goto_next", "apply_security_profile_group"]',
    ),
    "inspection": (
        rule(action="apply_security_profile_group"),
        f"resource.action': 'apply_security_profile_group'. {HERE}",
    ),
    "logging of goto_next": (
        rule(action="goto_next", enableLogging=True),
        "resource.enableLogging': 'True'. Logging cannot be enabled on goto_next rules.",
    ),
    "a direction of its own": (
        rule(direction="BOTH"),
        'resource.direction\': \'BOTH\'. Must be one of ["INGRESS", "EGRESS"]',
    ),
    "a host name": (matching(srcFqdns=["a.example"]), f"resource.match.srcFqdns': '['a.example']'. {HERE}"),
    "a country": (matching(srcRegionCodes=["DE"]), f"resource.match.srcRegionCodes': '['DE']'. {HERE}"),
    "a list of threats": (
        matching(srcThreatIntelligences=["iplist-tor-exit-nodes"]),
        f"resource.match.srcThreatIntelligences': '['iplist-tor-exit-nodes']'. {HERE}",
    ),
    "a kind of network": (
        matching(srcNetworkType="INTERNET"),
        f"resource.match.srcNetworkType': 'INTERNET'. {HERE}",
    ),
    "a load balancer": (
        rule(targetForwardingRules=["f"]),
        f"resource.targetForwardingRules': 'f'. {HERE}",
    ),
    "an address range in words": (
        matching(srcIpRanges=["ten"]),
        "resource.match.srcIpRanges[0]': 'ten'. Must be a valid CIDR address range.",
    ),
    "ports on icmp": (
        rule(match={"layer4Configs": [{"ipProtocol": "icmp", "ports": ["8"]}]}),
        "resource.match.layer4Configs[0].ports[0]': '8'. "
        "Ports may only be specified on rules whose protocol is one of [TCP, UDP, SCTP].",
    ),
    "an address group's bare name": (
        matching(srcAddressGroups=["nodes"]),
        "resource.match.srcAddressGroups[0]': 'nodes'. The URL is malformed.",
    ),
    "an address group that is not there": (
        matching(srcAddressGroups=[GROUP + "x"]),
        f"resource.match.srcAddressGroups[0]': '{GROUP}x'. The referenced address group resource cannot be found.",
    ),
    "a destination group on ingress": (
        matching(destAddressGroups=[GROUP]),
        f"resource.match.destAddressGroups': '{GROUP}'. Cannot be specified for INGRESS rules.",
    ),
    "a source tag on egress": (
        matching(srcSecureTags=[{"name": "tagValues/1"}]) | {"direction": "EGRESS"},
        "resource.match.srcSecureTags': '{'name': 'tagValues/1'}'. Cannot be specified for EGRESS rules.",
    ),
    "a tag by its short name": (
        rule(targetSecureTags=[{"name": "env/prod"}]),
        "resource.targetSecureTags[0].name': 'env/prod'. Must be the permanent name of a tag value, tagValues/NUMBER.",
    ),
    "target accounts with target tags": (
        rule(targetSecureTags=[{"name": "tagValues/1"}], targetServiceAccounts=["a@b"]),
        "resource.targetSecureTags': '{'name': 'tagValues/1'}'. "
        "Cannot be used at the same time as targetServiceAccounts.",
    ),
    "target networks in a network's policy": (
        rule(targetResources=[NETWORK]),
        f"resource.targetResources': '{NETWORK}'. Only for hierarchical policies.",
    ),
    "a match that is no object": (rule(match=[]), "resource.match': '[]'. Must be an object."),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_values(case: str) -> None:
    """A value that is not taken is a 400 that names the field, the value and the reason."""
    body, message = INVALID[case]
    with pytest.raises(ApiError) as error:
        accepted(body)
    assert (error.value.code, error.value.message) == (400, f"Invalid value for field '{message}")


MISSING = {
    "Required field 'resource.priority' not specified": {"action": "allow", "match": TCP},
    "Required field 'resource.action' not specified": {"priority": 1, "match": TCP},
    "Required field 'resource.match.layer4Configs' not specified": {"priority": 1, "action": "allow"},
    "Invalid JSON payload received. Unknown name \"srcFutureCondition\" at 'resource.match': Cannot find field.": (
        matching(srcFutureCondition=["x"])
    ),
}


@pytest.mark.parametrize("message", MISSING)
def test_missing_and_unknown_fields(message: str) -> None:
    """What is missing or unknown is named."""
    with pytest.raises(ApiError) as error:
        accepted(MISSING[message])
    assert (error.value.code, error.value.message) == (400, message)


def test_what_is_stored() -> None:
    """A rule is kept with its defaults and its tags in effect, without what only the server may set."""
    body = matching(srcSecureTags=[{"name": "tagValues/1", "state": "INEFFECTIVE"}], srcAddressGroups=[GROUP]) | {
        "kind": "x",
        "targetResources": [NETWORK],
        "targetServiceAccounts": [],
        "description": "d",
    }
    assert accepted(body, hierarchical=True) == {
        "kind": "compute#firewallPolicyRule",
        "priority": 1,
        "action": "allow",
        "direction": "INGRESS",
        "match": {
            "srcAddressGroups": [GROUP],
            "srcSecureTags": [{"name": "tagValues/1", "state": "EFFECTIVE"}],
            "layer4Configs": [{"ipProtocol": "tcp"}],
        },
        "description": "d",
        "disabled": False,
        "enableLogging": False,
        "targetResources": [NETWORK],
        "ruleTupleCount": 3,
    }


def test_default_rules_are_rules() -> None:
    """The four rules at the end of every policy would be taken themselves."""
    for each in default_rules():
        assert accepted(each) == each | {"disabled": False}
