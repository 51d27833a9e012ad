"""A recording and a Terraform plan → the recording as it will be once the plan is applied.

The plan is what `terraform show -json` prints (https://developer.hashicorp.com/terraform/internals/json-format), of the providers google
and google-beta (https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_firewall and its neighbours).
A value that is known after apply only stands in the recording as `{"unavailable": "known after apply"}`, so that what has it cannot be
judged. What decides packets and is not understood here is said, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pathcheck.wire.compute import shown
from pathcheck.wire.terraform_associations import policies
from pathcheck.wire.terraform_machines import instances, network_of, networks, routes
from pathcheck.wire.terraform_policies import part_of
from pathcheck.wire.terraform_recording import Recorded, owner_of
from pathcheck.wire.terraform_resources import UNKNOWN, NotAPlan, Plan, Resource, plan_of
from pathcheck.wire.terraform_spelling import firewall_rule

__all__ = ["NotAPlan", "changed"]

Raw = dict[str, Any]
Told = Iterator[tuple[Resource, str]]
# Of these the cloud, or the machines that they make, decide about packets as well.
_DECIDE = (
    "google_compute_firewall",
    "google_compute_network",
    "google_compute_region_network_firewall",
    "google_compute_organization_security_policy",
    "google_compute_instance",
    "google_compute_region_instance",
    "google_compute_subnetwork",
    "google_compute_router",
    "google_compute_route",
    "google_compute_vpn",
    "google_compute_ha_vpn",
    "google_compute_interconnect",
    "google_compute_packet_mirroring",
    "google_compute_shared_vpc",
    "google_container_cluster",
    "google_container_node_pool",
    "google_network_connectivity_policy_based_route",
    "google_network_connectivity_spoke",
    "google_network_security_address_group",
    "google_tags_location_tag_binding",
    "google_tags_tag_binding",
)
_HARMLESS = frozenset(
    [
        "google_compute_instance_settings",
        "google_compute_network_attachment",
        "google_compute_network_endpoint",
        "google_compute_network_endpoint_group",
        "google_compute_network_endpoints",
        "google_compute_network_firewall_policy_packet_mirroring_rule",
    ]
)


def changed(recording: Mapping[str, object], plan: Mapping[str, object]) -> tuple[Raw, tuple[str, ...]]:
    """The recording after the plan, and a sentence for each resource that decides packets and is not understood.

    Raises NotAPlan.
    """
    try:
        return _changed(recording, plan)
    except RecursionError:
        raise NotAPlan("is nested too deeply, or the recording is") from None


def _changed(recording: Mapping[str, object], plan: Mapping[str, object]) -> tuple[Raw, tuple[str, ...]]:
    read = plan_of(plan)
    recorded = Recorded(recording)
    ours = [_ours(resource, recorded) for resource in read.resources]
    known = [resource for resource in ours if resource.before is not None or resource.after is not None]
    told = [(resource, why) for resource, why in read.odd if _decides(resource.kind)]
    told += _elsewhere(read.resources)
    for kind, apply in _KINDS.items():
        told += apply([r for r in known if r.kind == kind and r.changes], read, recorded)
    told += policies([r for r in known if part_of(r.kind)[0]], read, recorded)
    for resource in (r for r in known if r.changes):
        if resource.kind in _PARENTS:
            told += _moved(resource, recorded)
        elif resource.kind not in _KINDS and not part_of(resource.kind)[0] and _decides(resource.kind):
            told.append((resource, f"{resource.kind} decides about packets and is not understood here"))
    order = {resource.address: number for number, resource in enumerate((*read.resources, *(r for r, _ in read.odd)))}
    told.sort(key=lambda each: order[each[0].address])
    return recorded.raw, tuple(f"{shown(resource.address)}: {why}" for resource, why in told)


def _decides(kind: str) -> bool:
    return kind.startswith(_DECIDE) and kind not in _HARMLESS and "_iam_" not in kind


def _ours(resource: Resource, recorded: Recorded) -> Resource:
    """Without what is of a project that the recording is not about."""
    before, after = (
        side if side is not None and recorded.ours(side.get("project")) else None
        for side in (resource.before, resource.after)
    )
    return replace(resource, before=before, after=after)


def _elsewhere(resources: Sequence[Resource]) -> Told:
    for resource in resources:
        if resource.changes and (resource.after or {}).get("project") == UNKNOWN and _decides(resource.kind):
            yield resource, "its project is known after apply, so whether the recording is about it is not known"


def _firewalls(resources: Sequence[Resource], plan: Plan, recorded: Recorded) -> Told:
    """VPC rules: those that are there go from every list, those that will be come into the network's."""
    new = [(r, _firewall(r, plan, recorded)) for r in resources if r.after is not None]
    old = [(r, (owner_of(r.before, recorded), str(r.before.get("name")))) for r in resources if r.before is not None]
    gone = {identity for _, identity in old} | {recorded.identity(rule) for _, rule in new}
    found = set()
    for holder in recorded.holders():
        if isinstance(holder.get("firewalls"), list):
            found |= {recorded.identity(rule) for rule in holder["firewalls"]}
            holder["firewalls"] = [rule for rule in holder["firewalls"] if recorded.identity(rule) not in gone]
    if not isinstance(recorded.raw.get("firewalls"), list):
        recorded.raw["firewalls"] = []
    recorded.raw["firewalls"] += [rule for _, rule in new]
    for resource, identity in old:
        if identity not in found:
            yield resource, "the recording does not have this rule; it is older than the plan, or of something else"


def _firewall(resource: Resource, plan: Plan, recorded: Recorded) -> Raw:
    values = {**(resource.after or {}), "network": network_of(resource, plan, recorded)}
    if values.get("name") == UNKNOWN:
        values["name"] = resource.address  # what it is called decides nothing
    return firewall_rule(values)


_PARENTS = {"google_project": ("folder_id", "org_id"), "google_folder": ("parent",)}


def _moved(resource: Resource, recorded: Recorded) -> Told:
    """A project or folder that is put elsewhere comes under other hierarchical policies."""
    before, after = resource.before or {}, resource.after or {}
    elsewhere = any(before.get(key) != after.get(key) for key in _PARENTS[resource.kind])
    if before and after and elsewhere and recorded.ours(before.get("project_id")):
        yield resource, "it is moved in the hierarchy, and which policies apply to it then is not understood here"


_KINDS: dict[str, Callable[[Sequence[Resource], Plan, Recorded], Told]] = {
    "google_compute_firewall": _firewalls,
    "google_compute_route": routes,
    "google_compute_instance": instances,
    "google_compute_network": networks,
}
