"""Which firewall policies could decide, as far as a recording says. They are not judged yet: where one could decide, nobody can tell.

`effectiveFirewalls` holds the answers of regionNetworkFirewallPolicies.getEffectiveFirewalls, one a network and region
(https://cloud.google.com/compute/docs/reference/rest/v1/regionNetworkFirewallPolicies/getEffectiveFirewalls).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pathcheck.model.firewall import Instance, PolicyPresence, Problem, Rule
from pathcheck.model.words import Direction
from pathcheck.wire.compute import items, last_part, listed_in, mapping, network_name, network_owner, shown


def policies_of(
    recording: Mapping[str, object], unavailable: Mapping[str, str], project: str, problems: list[Problem]
) -> Iterable[PolicyPresence]:
    """Every policy that has a rule which decides, and every place of which nobody knows whether there is one."""
    if "effectiveFirewalls" in unavailable:
        yield _unread(unavailable["effectiveFirewalls"])
        return
    if "effectiveFirewalls" not in recording:
        yield _unread("the recording has no effectiveFirewalls")
        return
    orders = {
        str(network.get("name")): str(network.get("networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL"))
        for network in listed_in(recording, "networks", required=False)
        if isinstance(network, Mapping)
    }
    for index, entry in enumerate(listed_in(recording, "effectiveFirewalls")):
        place = f"effectiveFirewalls[{index}]"
        try:
            scope = mapping(entry, "it")
            network, region = network_name(str(scope.get("network", "")), project), last_part(scope.get("region"))
            answer = mapping(scope.get("answer"), "answer")
            if scope.get("unavailable"):
                yield _unread(shown(scope["unavailable"]), network, region)
                continue
            for raw in items(answer, "firewallPolicys"):
                policy = mapping(raw, "firewallPolicys")
                directions = _deciding(items(policy, "rules"))
                if directions:
                    kind = policy.get("type")
                    after = (
                        kind in ("NETWORK", "NETWORK_REGIONAL")
                        and orders.get(last_part(network)) == "AFTER_CLASSIC_FIREWALL"
                    )
                    name = shown(policy.get("name") or policy.get("displayName") or place)
                    yield PolicyPresence(name, network, region, not after, directions)
        except ValueError as why:
            problems.append(Problem(place, str(why)))
            yield _unread(f"{place}: {why}")


def rules_elsewhere(
    recording: Mapping[str, object], instances: Sequence[Instance], rules: Sequence[Rule], project: str
) -> Iterable[PolicyPresence]:
    """Networks of other projects (Shared VPC) about which this recording has nothing: no rule listed is not no rule there."""
    used = {interface.network for instance in instances for interface in instance.interfaces}
    links = [
        str(network.get("selfLink", ""))
        for network in listed_in(recording, "networks", required=False)
        if isinstance(network, Mapping)
    ]
    known = {rule.network for rule in rules} | {network_name(link, project) for link in links}
    for network in sorted(used - known):
        owner, _ = network_owner(network, project)
        if owner != project:
            yield _unread(f"nothing of project {owner}, which owns network {network}, is in this recording", network)


def _unread(why: str, network: str = "", region: str = "") -> PolicyPresence:
    return PolicyPresence("", network, region, True, unread=why)


def _deciding(rules: Sequence[object]) -> frozenset[Direction]:
    """The directions in which a policy has a rule that is not disabled and does more than hand on (goto_next)."""
    live = [
        r
        for r in rules
        if not (isinstance(r, Mapping) and (r.get("disabled") is True or r.get("action") == "goto_next"))
    ]
    return frozenset(
        direction
        for direction in Direction
        if any(not isinstance(r, Mapping) or r.get("direction", direction.upper()) == direction.upper() for r in live)
    )
