"""Terraform's spelling and the API's, field by field.

The values are hand-written, as tests/terraform.py says; test_terraform_properties.py has random rules.
"""

from __future__ import annotations

import pytest

from pathcheck.wire.terraform_resources import UNKNOWN
from pathcheck.wire.terraform_spelling import firewall_rule, policy_rule, route
from tests.recordings import PROJECT, Raw
from tests.terraform import firewall
from tests.terraform import policy_rule as terraform_rule


def test_a_firewall_rule() -> None:
    """What the API leaves out is left out; what it has for people is not in it."""
    tags: Raw = {"source_tags": ["a"], "target_tags": ["b"], "disabled": False, "description": "x", "priority": 0}
    assert firewall_rule(firewall(**tags, destination_ranges=["10.0.0.0/8"], allow=[], deny=[{"protocol": "all", "ports": []}])) == {
        "name": "dns",
        "network": "default",
        "priority": 0,
        "direction": "INGRESS",
        "sourceRanges": ["10.24.0.0/14"],
        "destinationRanges": ["10.0.0.0/8"],
        "sourceTags": ["a"],
        "targetTags": ["b"],
        "denied": [{"IPProtocol": "all"}],
    }  # fmt: skip


MATCH: Raw = {
    "src_ip_ranges": ["10.0.0.0/8"],
    "src_address_groups": [],
    "src_fqdns": ["example.com"],
    "src_network_context": "INTERNET",
    "dest_network_scope": "VPC_NETWORKS",
    "src_secure_tags": [{"name": "tagValues/1", "state": UNKNOWN}, {"name": "tagValues/2", "state": "INEFFECTIVE"}],
    "layer4_configs": [{"ip_protocol": "tcp", "ports": ["80"]}, {"ip_protocol": "udp", "ports": None}],
}
API_MATCH: Raw = {
    "srcIpRanges": ["10.0.0.0/8"],
    "srcFqdns": ["example.com"],
    "srcNetworkContext": "INTERNET",
    "destNetworkType": "VPC_NETWORKS",
    "srcSecureTags": [{"name": "tagValues/1"}, {"name": "tagValues/2", "state": "INEFFECTIVE"}],
    "layer4Configs": [{"ipProtocol": "tcp", "ports": ["80"]}, {"ipProtocol": "udp"}],
}


def test_a_policy_rule() -> None:
    """Blocks within blocks; a tag whose state the API is yet to say is in effect."""
    more = {
        "target_secure_tags": [{"name": "tagValues/3", "state": ""}],
        "target_resources": [f"projects/{PROJECT}/global/networks/default"],
        "target_type": "INSTANCES",
        "security_profile_group": "x",
        "rule_name": "n",
    }
    assert policy_rule(terraform_rule(7, match=[MATCH], disabled=True, **more)) == {
        "priority": 7,
        "action": "deny",
        "direction": "INGRESS",
        "disabled": True,
        "targetSecureTags": [{"name": "tagValues/3"}],
        "targetResources": [f"projects/{PROJECT}/global/networks/default"],
        "targetType": "INSTANCES",
        "match": API_MATCH,
    }


def test_a_rule_among_all_of_a_policy() -> None:
    """Its blocks are called in the singular; without a direction it is INGRESS."""
    match = {**MATCH, "src_secure_tag": MATCH["src_secure_tags"], "layer4_config": MATCH["layer4_configs"]}
    match = {key: value for key, value in match.items() if key not in ("src_secure_tags", "layer4_configs")}
    values = {"priority": 7, "action": "allow", "match": [match], "target_secure_tag": [{"name": "tagValues/3"}]}
    assert policy_rule(values) == {
        "priority": 7,
        "action": "allow",
        "direction": "INGRESS",
        "targetSecureTags": [{"name": "tagValues/3"}],
        "match": API_MATCH,
    }


def test_fields_of_the_future_stay() -> None:
    """They could narrow the rule, so the reader of the recording must see them."""
    assert firewall_rule({"source_colours": ["red"], "hue": False})["sourceColours"] == ["red"]
    match = [{"src_colours": ["red"], "layer4_configs": [{"ip_protocol": "tcp", "port_colours": ["red"]}]}]
    assert policy_rule({"match": match})["match"] == {
        "srcColours": ["red"],
        "layer4Configs": [{"ipProtocol": "tcp", "portColours": ["red"]}],
    }


@pytest.mark.parametrize(
    ("hop", "api"),
    [
        ({"next_hop_gateway": "default-internet-gateway"}, {"nextHopGateway": "default-internet-gateway"}),
        ({"next_hop_ip": "10.0.0.1"}, {"nextHopIp": "10.0.0.1"}),
        (
            {"next_hop_instance": "n", "next_hop_instance_zone": "z"},
            {"nextHopInstance": "zones/z/instances/n"},
        ),
        (
            {"next_hop_instance": "zones/y/instances/n", "next_hop_instance_zone": "z"},
            {"nextHopInstance": "zones/y/instances/n"},
        ),
        ({"next_hop_ilb": "10.0.0.1", "next_hop_vpn_tunnel": ""}, {"nextHopIlb": "10.0.0.1"}),
        ({"next_hop_hub": "what the cloud says"}, {}),
    ],
)
def test_a_route(hop: Raw, api: Raw) -> None:
    """One hop; what the cloud itself says of it is not part of a new one."""
    values = {"name": "r", "network": "default", "dest_range": "10.0.0.0/8", "priority": 0, "tags": None}
    assert route(values | hop) == {"name": "r", "network": "default", "destRange": "10.0.0.0/8", "priority": 0} | api
