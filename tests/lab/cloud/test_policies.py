"""Firewall policies through the real google-cloud-compute clients: their lives, their rules, what they are associated with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed
from google.cloud import compute_v1

from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import DEFAULT, PROJECT, ROOT, recording

DEFAULTS = [2147483644, 2147483645, 2147483646, 2147483647]


def a_rule(priority: int, action: str = "allow", **fields: Any) -> compute_v1.FirewallPolicyRule:
    tcp = compute_v1.FirewallPolicyRuleMatcherLayer4Config(ip_protocol="tcp", ports=["22"])
    match = compute_v1.FirewallPolicyRuleMatcher(src_ip_ranges=["10.0.0.0/8"], layer4_configs=[tcp])
    return compute_v1.FirewallPolicyRule(
        priority=priority, action=action, match=match, **{"direction": "INGRESS"} | fields
    )


def association(name: str, target: str = DEFAULT, **fields: Any) -> compute_v1.FirewallPolicyAssociation:
    return compute_v1.FirewallPolicyAssociation(name=name, attachment_target=target, **fields)


def global_calls(emulator: Serving) -> tuple[Any, dict[str, str]]:
    return emulator.client(compute_v1.NetworkFirewallPoliciesClient), {"project": PROJECT}


def regional_calls(emulator: Serving) -> tuple[Any, dict[str, str]]:
    client = emulator.client(compute_v1.RegionNetworkFirewallPoliciesClient)
    return client, {"project": PROJECT, "region": "us-east1"}


@pytest.mark.parametrize("calls", [global_calls, regional_calls])
def test_life_of_a_policy(emulator: Serving, calls: Callable[[Serving], tuple[Any, dict[str, str]]]) -> None:
    """A policy is inserted with its four default rules, gets rules, loses them, is associated, and is deleted when it is not."""
    client, where = calls(emulator)
    policy = compute_v1.FirewallPolicy(name="base", description="d")
    inserted = client.insert_unary(**where, firewall_policy_resource=policy)
    assert inserted.status == compute_v1.Operation.Status.DONE
    where_policy = where | {"firewall_policy": "base"}
    made = client.get(**where_policy)
    assert (made.id, [rule.priority for rule in made.rules]) == (inserted.target_id, DEFAULTS)
    assert {(rule.action, rule.direction) for rule in made.rules} == {("goto_next", "INGRESS"), ("goto_next", "EGRESS")}

    client.add_rule_unary(**where_policy, firewall_policy_rule_resource=a_rule(100))
    client.patch_rule_unary(
        request={
            **where_policy,
            "priority": 100,
            "firewall_policy_rule_resource": {"action": "deny", "match": {"src_ip_ranges": ["10.1.0.0/16"]}},
        }
    )
    rule = client.get_rule(request=where_policy | {"priority": 100})
    assert (rule.action, list(rule.match.src_ip_ranges), rule.match.layer4_configs[0].ip_protocol) == (
        *("deny", ["10.1.0.0/16"]),
        "tcp",
    )
    client.add_association_unary(**where_policy, firewall_policy_association_resource=association("a", priority=7))
    assert client.get_association(request=where_policy | {"name": "a"}).priority == 7
    with pytest.raises(BadRequest, match="is already being used by"):
        client.delete_unary(**where_policy)
    client.remove_association_unary(request=where_policy | {"name": "a"})
    client.remove_rule_unary(request=where_policy | {"priority": 100})
    assert [rule.priority for rule in client.get(**where_policy).rules] == DEFAULTS
    assert [each.name for each in client.list(**where)] == ["base"]
    client.delete_unary(**where_policy)
    with pytest.raises(NotFound, match="firewallPolicies/base' was not found"):
        client.get(**where_policy)


def test_operations_are_beside_their_target(emulator: Serving) -> None:
    """The clients' waiting flows end at once, for a region's operations too."""
    client, where = regional_calls(emulator)
    operation = client.insert(**where, firewall_policy_resource=compute_v1.FirewallPolicy(name="base"))
    operation.result(timeout=10)
    found = emulator.client(compute_v1.RegionOperationsClient).get(**where, operation=operation.name)
    assert (found.operation_type, found.region) == ("insert", f"{ROOT}/regions/us-east1")


def test_refusals(emulator: Serving) -> None:
    """What is there twice, is not there or makes no sense is the client's own exception, in the API's words."""
    client, where = global_calls(emulator)
    resource = compute_v1.FirewallPolicy(name="base")
    client.insert_unary(**where, firewall_policy_resource=resource)
    base = where | {"firewall_policy": "base"}
    client.add_rule_unary(**base, firewall_policy_rule_resource=a_rule(100))
    with pytest.raises(Conflict, match="already exists"):
        client.insert_unary(**where, firewall_policy_resource=resource)
    with pytest.raises(BadRequest, match=r"'resource.priority': '100'. Cannot have rules with the same priorities\."):
        client.add_rule_unary(**base, firewall_policy_rule_resource=a_rule(100))
    with pytest.raises(
        BadRequest, match=r"'priority': '7'. The firewall policy does not contain a rule at priority 7\."
    ):
        client.get_rule(request=base | {"priority": 7})
    with pytest.raises(BadRequest, match=r"'name': 'x'. An association with that name does not exist\."):
        client.remove_association_unary(request=base | {"name": "x"})
    nowhere = association("a", f"{ROOT}/global/networks/nope")
    with pytest.raises(BadRequest, match=r"'resource.attachmentTarget': .* cannot be found"):
        client.add_association_unary(**base, firewall_policy_association_resource=nowhere)
    with pytest.raises(PreconditionFailed):
        client.patch_unary(
            **base, firewall_policy_resource=compute_v1.FirewallPolicy(description="x", fingerprint="b2xk")
        )
    region = emulator.client(compute_v1.RegionNetworkFirewallPoliciesClient)
    with pytest.raises(NotFound, match="regions/mars' was not found"):
        region.insert_unary(project=PROJECT, region="mars", firewall_policy_resource=resource)


def test_one_association_of_a_name(emulator: Serving) -> None:
    """On one network, a second policy gets an association's name only by replacing the first one's."""
    client, where = global_calls(emulator)
    for name in ("one", "two"):
        client.insert_unary(**where, firewall_policy_resource=compute_v1.FirewallPolicy(name=name))
    one, two = (where | {"firewall_policy": name} for name in ("one", "two"))
    client.add_association_unary(**one, firewall_policy_association_resource=association("a"))
    again = two | {"firewall_policy_association_resource": association("a")}
    with pytest.raises(BadRequest, match="An association with that name already exists"):
        client.add_association_unary(request=again)
    client.add_association_unary(request=again | {"replace_existing_association": True})
    held = {policy.name: [each.name for each in policy.associations] for policy in client.list(**where)}
    assert held == {"one": [], "two": ["a"]}
    client.add_association_unary(**one, firewall_policy_association_resource=association("b"))
    assert client.get_association(request=one | {"name": "b"}).priority == 1000


def test_policies_of_an_organization(emulator: Serving) -> None:
    """A hierarchical policy has a number as its name, belongs to its parent, and there is one for each node."""
    client = emulator.client(compute_v1.FirewallPoliciesClient)
    for short in ("base", "other"):
        policy = compute_v1.FirewallPolicy(short_name=short)
        client.insert_unary(request={"parent_id": "organizations/7", "firewall_policy_resource": policy})
    listed = list(client.list(request={"parent_id": "organizations/7"}))
    numbers = {policy.short_name: policy.name for policy in listed}
    assert sorted(numbers) == ["base", "other"]
    assert all(number.isdecimal() for number in numbers.values())
    assert list(client.list(request={"parent_id": "folders/8"})) == []
    base = numbers["base"]
    client.add_rule_unary(
        firewall_policy=base, firewall_policy_rule_resource=a_rule(5, "deny", target_resources=[DEFAULT])
    )
    node = association("a", "organizations/7")
    client.add_association_unary(firewall_policy=base, firewall_policy_association_resource=node)
    with pytest.raises(BadRequest, match="already exists"):
        client.add_association_unary(
            firewall_policy=numbers["other"], firewall_policy_association_resource=association("b", "organizations/7")
        )
    found = client.list_associations(request={"target_resource": "organizations/7"})
    assert [(each.name, each.short_name) for each in found.associations] == [("a", "base")]
    assert client.get(firewall_policy=base).parent == "organizations/7"
    with pytest.raises(Conflict):
        client.insert_unary(
            request={"parent_id": "organizations/7", "firewall_policy_resource": {"short_name": "base"}}
        )
    with pytest.raises(BadRequest, match="'parentId': 'projects/7'"):
        client.list(request={"parent_id": "projects/7"})


def test_effective_policies(serve: Callable[..., Serving]) -> None:
    """The answers have what applies, in the order in which it is asked; a network's answer has nothing regional."""
    recorded = {"name": "gke", "type": "SYSTEM_REGIONAL", "priority": 5, "rules": [{"priority": 1, "odd": True}]}
    entry = {"network": "default", "region": "us-east1", "answer": {"firewallPolicys": [recorded]}}
    emulator = serve(recording() | {"effectiveFirewalls": [entry]})
    networks, where = global_calls(emulator)
    regions, there = regional_calls(emulator)
    nodes = emulator.client(compute_v1.FirewallPoliciesClient)
    for client, place, names in ((networks, where, ("late", "early")), (regions, there, ("near",))):
        for priority, name in zip((2000, 10), names, strict=False):
            client.insert_unary(**place, firewall_policy_resource=compute_v1.FirewallPolicy(name=name))
            client.add_association_unary(
                **place,
                firewall_policy=name,
                firewall_policy_association_resource=association(name, priority=priority),
            )
    for node in ("folders/20", "folders/3", "organizations/7"):
        policy = compute_v1.FirewallPolicy(short_name=node.replace("/", "-"))
        inserted = nodes.insert_unary(request={"parent_id": node, "firewall_policy_resource": policy})
        nodes.add_association_unary(
            firewall_policy=str(inserted.target_id), firewall_policy_association_resource=association("a", node)
        )

    regional = regions.get_effective_firewalls(**there, network=DEFAULT)
    assert [(each.type_, each.display_name or each.name, each.priority) for each in regional.firewall_policys] == [
        ("HIERARCHY", "organizations-7", 0),
        ("HIERARCHY", "folders-3", 0),
        ("HIERARCHY", "folders-20", 0),
        ("SYSTEM_REGIONAL", "gke", 5),
        ("NETWORK", "early", 10),
        ("NETWORK", "late", 2000),
        ("NETWORK_REGIONAL", "near", 2000),
    ]
    of_network = emulator.client(compute_v1.NetworksClient).get_effective_firewalls(project=PROJECT, network="default")
    assert [each.short_name or each.name for each in of_network.firewall_policys] == [
        *("organizations-7", "folders-3", "folders-20", "early", "late")
    ]
    other = emulator.client(compute_v1.NetworksClient).get_effective_firewalls(project=PROJECT, network="other")
    assert [each.type_ for each in other.firewall_policys] == ["HIERARCHY"] * 3
    near = next(each for each in regional.firewall_policys if each.name == "near")
    assert [rule.priority for rule in near.rules] == DEFAULTS


def test_rules_of_an_interface(serve: Callable[..., Serving]) -> None:
    """An instance's answer leaves out policy rules that target others, by service account or by secure tag."""
    emulator = serve(recording() | {"secureTagBindings": {"node-1": ["tagValues/7"]}})
    client, where = global_calls(emulator)
    client.insert_unary(**where, firewall_policy_resource=compute_v1.FirewallPolicy(name="base"))
    base = where | {"firewall_policy": "base"}
    client.add_association_unary(**base, firewall_policy_association_resource=association("a"))
    for priority, tag in ((1, "tagValues/7"), (2, "tagValues/8")):
        tagged = a_rule(priority, target_secure_tags=[compute_v1.FirewallPolicyRuleSecureTag(name=tag)])
        client.add_rule_unary(**base, firewall_policy_rule_resource=tagged)
    instances = emulator.client(compute_v1.InstancesClient)
    answer = instances.get_effective_firewalls(
        project=PROJECT, zone="us-east1-b", instance="node-1", network_interface="nic0"
    )
    rules = next(policy.rules for policy in answer.firewall_policys if policy.name == "base")
    assert [rule.priority for rule in rules] == [1, *DEFAULTS]
    assert [(tag.name, tag.state) for tag in rules[0].target_secure_tags] == [("tagValues/7", "EFFECTIVE")]


def test_enforcement_order(emulator: Serving) -> None:
    """A network says in which order rules and policies are asked, and can be told."""
    client = emulator.client(compute_v1.NetworksClient)
    order = "network_firewall_policy_enforcement_order"
    assert getattr(client.get(project=PROJECT, network="default"), order) == "AFTER_CLASSIC_FIREWALL"
    client.patch_unary(
        project=PROJECT, network="default", network_resource=compute_v1.Network(**{order: "BEFORE_CLASSIC_FIREWALL"})
    )
    assert getattr(client.get(project=PROJECT, network="default"), order) == "BEFORE_CLASSIC_FIREWALL"
    with pytest.raises(BadRequest, match=r"'resource.networkFirewallPolicyEnforcementOrder': 'SOMETIMES'"):
        client.patch_unary(
            project=PROJECT, network="default", network_resource=compute_v1.Network(**{order: "SOMETIMES"})
        )
