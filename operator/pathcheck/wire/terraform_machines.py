"""Machines, routes and networks that a Terraform plan changes, in the recording.

google_compute_instance, google_compute_route and google_compute_network
(https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_instance and its neighbours). Each function
changes the recording and yields a sentence for each resource of which it cannot be told what it comes to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pathcheck.wire.compute import last_part
from pathcheck.wire.terraform_recording import Recorded, owner_of
from pathcheck.wire.terraform_resources import UNKNOWN, Plan, Resource
from pathcheck.wire.terraform_spelling import route

Raw = dict[str, Any]
Told = Iterator[tuple[Resource, str]]
_NIC = {
    "network": "network",
    "subnetwork": "subnetwork",
    "network_ip": "networkIP",
    "ipv6_address": "ipv6Address",
    "internal_ipv6_prefix_length": "internalIpv6PrefixLength",
}
_ORDER = "network_firewall_policy_enforcement_order"


def instances(resources: Sequence[Resource], plan: Plan, recorded: Recorded) -> Told:
    """Those that are recorded; a machine of another name, or in another zone, is another machine."""
    machines = recorded.raw.get("instances")
    if not isinstance(machines, list):
        return
    gone: dict[tuple[str, str], Raw] = {}
    for resource in resources:
        found = _machine(resource.before, recorded)
        if found is not None and (resource.after is None or _place(resource.after, found) != _place(found, found)):
            gone[_place(found, found)] = found
            machines[:] = [machine for machine in machines if machine is not found]
    for resource in resources:
        if resource.after is None or not _own(resource.after, recorded):
            continue
        found = _machine(resource.after, recorded)
        if found is None and (found := gone.pop(_place(resource.after, {}), None)) is not None:
            machines.append(found)
        if found is None:
            yield resource, "is a machine that the recording does not have; record it once it exists"
            continue
        unknown = _change(found, resource, recorded)
        if unknown:
            why = f"{', '.join(unknown)} is known after apply, so what this machine sends and receives is not known"
            yield resource, why


def _own(values: Raw, recorded: Recorded) -> bool:
    return owner_of(values, recorded) == recorded.project


def _machine(values: Raw | None, recorded: Recorded) -> Raw | None:
    """The recorded machine that is meant; without a zone, the only one of its name."""
    if values is None or not _own(values, recorded):
        return None
    named = [machine for machine in recorded.listed("instances") if machine.get("name") == values.get("name")]
    here = [machine for machine in named if _place(values, machine) == _place(machine, machine)]
    return here[0] if len(here) == 1 else None


def _place(values: Raw, otherwise: Raw) -> tuple[str, str]:
    zone = values.get("zone")
    return last_part(zone if isinstance(zone, str) else otherwise.get("zone")), str(values.get("name"))


def _change(machine: Raw, resource: Resource, recorded: Recorded) -> list[str]:
    """What decides about packets; the attributes among it that are not known yet."""
    before, after = resource.before or {}, resource.after or {}
    accounts = after.get("service_account") or []
    machine["tags"] = {"items": after.get("tags") or []}
    machine["canIpForward"] = after.get("can_ip_forward") or False
    machine["serviceAccounts"] = accounts if accounts == UNKNOWN else [{"email": a.get("email")} for a in accounts]
    if before.get("desired_status") != after.get("desired_status"):
        machine["status"] = after.get("desired_status") or "RUNNING"
    machine["networkInterfaces"] = _interfaces(machine, before, after, recorded)
    bindings = recorded.raw.get("secureTagBindings")
    if resource.replaced and isinstance(bindings, dict):
        # Tags are bound to a machine, not to its name, and the new one is another.
        for name in {str(machine["name"]), "/".join(_place(machine, machine))} & bindings.keys():
            bindings[name] = None if bindings[name] else bindings[name]
    decisive = {
        "tags": machine["tags"]["items"],
        "can_ip_forward": machine["canIpForward"],
        "service_account": accounts if accounts == UNKNOWN else [a.get("email") for a in accounts],
        "network_interface": machine["networkInterfaces"],
    }
    return [key for key, value in decisive.items() if _unknown(value)]


def _unknown(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_unknown, value))
    return value == UNKNOWN or (isinstance(value, dict) and any(map(_unknown, value.values())))


def _interfaces(machine: Raw, before: Raw, after: Raw, recorded: Recorded) -> Any:
    """Those that are recorded, with what the plan changes of them."""
    known = machine.get("networkInterfaces")
    then, now = before.get("network_interface") or [], after.get("network_interface")
    if now is None or now == then:
        return known
    if now == UNKNOWN or not isinstance(known, list):
        return UNKNOWN
    found = []
    for index, nic in enumerate(now):
        was = then[index] if isinstance(then, list) and index < len(then) else {}
        old = known[index] if index < len(known) and isinstance(known[index], dict) else {"name": f"nic{index}"}
        found.append({**old, **_interface(nic, was, recorded)})
    return found


def _interface(nic: Raw, was: Raw, recorded: Recorded) -> Raw:
    """What becomes other than it was. What is not said any more, the cloud chooses, except for what follows from the subnetwork."""
    found = {api: nic.get(key) or UNKNOWN for key, api in _NIC.items() if not _same(key, nic.get(key), was.get(key))}
    if nic.get("network") is None:
        found.pop("network", None)
        if "subnetwork" in found:
            found["network"] = _network_above(nic.get("subnetwork"), recorded)
    aliases = nic.get("alias_ip_range") or []
    if aliases != (was.get("alias_ip_range") or []):
        found["aliasIpRanges"] = aliases if aliases == UNKNOWN else [_alias(alias) for alias in aliases]
    return found


def _same(key: str, value: object, was: object) -> bool:
    """A network, and a subnetwork, is called by its name or by its link."""
    if isinstance(value, str) and isinstance(was, str) and key in ("network", "subnetwork"):
        return last_part(value) == last_part(was) if "/" not in value or "/" not in was else value == was
    return value == was or not (value or was)


def _network_above(subnetwork: object, recorded: Recorded) -> object:
    """The network of a subnetwork that is recorded."""
    text = f"/{subnetwork}"
    found = [s for s in recorded.listed("subnetworks") if f"/{s.get('selfLink')}".endswith(text)]
    return found[0].get("network") if len(found) == 1 else UNKNOWN


def _alias(block: Raw) -> Raw:
    """`/24` lets the cloud choose which."""
    text = block.get("ip_cidr_range")
    return {"ipCidrRange": UNKNOWN if not isinstance(text, str) or text.startswith("/") else text}


def routes(resources: Sequence[Resource], plan: Plan, recorded: Recorded) -> Told:
    """Static routes. One of which it is not known where it leads leaves the recorded one where it is."""
    if not isinstance(recorded.raw.get("routes"), list):
        return
    new: list[tuple[Resource, Raw | None]] = []
    for resource in resources:
        planned = _route(resource, plan, recorded)
        unknown = [key for key, value in (planned or {}).items() if value == UNKNOWN]
        if unknown:
            yield resource, f"{unknown[0]} is known after apply, so where this route leads is not known"
        else:
            new.append((resource, planned))
    gone = {(owner_of(side, recorded), str(side.get("name"))) for r, _ in new for side in (r.before, r.after) if side}
    kept = [each for each in recorded.raw["routes"] if recorded.identity(each) not in gone]
    recorded.raw["routes"] = [*kept, *(planned for _, planned in new if planned is not None)]


def _route(resource: Resource, plan: Plan, recorded: Recorded) -> Raw | None:
    if resource.after is None:
        return None
    planned = route(resource.after | {"network": network_of(resource, plan, recorded)})
    if planned.get("name") == UNKNOWN:
        planned["name"] = resource.address
    if planned.get("nextHopInstance") == UNKNOWN:
        instance = plan.referred(resource, "next_hop_instance")
        values = (instance.after if instance is not None and instance.kind == "google_compute_instance" else None) or {}
        if isinstance(values.get("zone"), str) and isinstance(values.get("name"), str):
            planned["nextHopInstance"] = f"zones/{last_part(values['zone'])}/instances/{values['name']}"
    return planned


def network_of(resource: Resource, plan: Plan, recorded: Recorded, key: str = "network") -> object:
    """The path of the network that this attribute means after the plan; UNKNOWN where neither plan nor configuration says it."""
    values = resource.after or {}
    said, project = values.get(key), owner_of(values, recorded)
    if said == UNKNOWN:
        referred = plan.referred(resource, key)
        if referred is None or referred.after is None or not referred.kind.endswith("google_compute_network"):
            return UNKNOWN
        said, project = referred.after.get("name"), owner_of(referred.after, recorded)
    if not isinstance(said, str):
        return said
    owner, name = recorded.network(said, project)
    return f"projects/{owner}/global/networks/{name}"


def networks(resources: Sequence[Resource], plan: Plan, recorded: Recorded) -> Told:
    """When network policies are asked; no machine of the recording is in a network that is new, nor in one that can be deleted."""
    for resource in resources:
        if resource.after is None or resource.before is None:
            continue
        order = resource.after.get(_ORDER)
        if order == UNKNOWN:
            order = UNKNOWN["unavailable"]
            yield resource, f"{_ORDER} is {order}, so whether policies are asked before its VPC rules is not known"
        meant = (owner_of(resource.after, recorded), resource.after.get("name"))
        for network in recorded.listed("networks"):
            if order and recorded.network(network.get("selfLink") or network.get("name")) == meant:
                network["networkFirewallPolicyEnforcementOrder"] = order
