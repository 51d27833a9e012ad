"""What would the firewall do? The slow, obvious answer that the product's is compared with.

Written from Google's documents alone and apart from the product, which shares no line with it: raw JSON in, plain loops, nothing
prepared, nothing remembered. Read it as a specification from top to bottom: ends, sides, order, rules, matches.

It is asked of recordings whose rules are well-formed, unknown keys included; malformed values are tested in `test_fuzz`.

Sources: https://cloud.google.com/firewall/docs/firewall-policies-rule-eval-order (order, goto_next),
https://cloud.google.com/firewall/docs/firewalls (VPC rules, implied rules), https://cloud.google.com/vpc/docs/alias-ip#firewalls (pods),
https://cloud.google.com/compute/docs/reference/rest/v1/firewallPolicies (policy rules, secure tags, association priorities).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from tests.evaluator.reference_ends import End, Json, end_of, network, network_named, network_of_item, read, region_of
from tests.evaluator.reference_rules import MAYBE, NO, PART, YES, match_policy_rule, match_vpc_rule

Decision = tuple[str, list[str]]  # prediction, names of what decided it

PERMITTED, BLOCKED, INSPECTED, UNDETERMINED = "permitted", "blocked", "inspected", "undetermined"
COMES_TO = {"allow": PERMITTED, "deny": BLOCKED, "apply_security_profile_group": INSPECTED}

METADATA = ("169.254.169.254", "fd20:ce::254")


@dataclass
class Asked:
    """A rule as it meets one flow; several names where allows tie."""

    names: list[str]
    effect: str  # allow, deny, apply_security_profile_group, goto_next
    match: str


def answer(recording: Json, flow: Json) -> Json:
    """The prediction for one flow, in the form of `pathcheck predict --flows`."""
    source, destination = end_of(recording, flow["src"]), end_of(recording, flow["dst"])

    def told(prediction: str, decided_by: list[str], egress: list[str], ingress: list[str]) -> Json:
        return {
            "id": flow["id"],
            "prediction": prediction,
            "decidedBy": decided_by,
            "egressDecidedBy": egress,
            "ingressDecidedBy": ingress,
        }

    of_the_whole = whole_flow(flow, source, destination)
    if of_the_whole is not None:
        prediction, names = of_the_whole
        return told(prediction, names, names, names)
    if source.instance is None and destination.instance is None:
        return told(UNDETERMINED, ["undecided:instance"], [], [])
    if source.address.version != destination.address.version:
        return told(UNDETERMINED, ["undecided:addresses"], [], [])

    # A side that is no machine's has no rules.
    egress = side(recording, "EGRESS", source, destination, flow) if source.instance else None
    if egress is not None and egress[0] == BLOCKED:
        return told(BLOCKED, egress[1], egress[1], [])
    ingress = side(recording, "INGRESS", source, destination, flow) if destination.instance else None

    sides = [one for one in (egress, ingress) if one is not None]
    lists = egress[1] if egress else [], ingress[1] if ingress else []
    for worst in (BLOCKED, UNDETERMINED, INSPECTED):
        for prediction, names in sides:
            if prediction == worst:
                return told(worst, names, *lists)
    return told(PERMITTED, sides[-1][1], *lists)


def whole_flow(flow: Json, source: End, destination: End) -> Decision | None:
    """What is decided before any rule is asked."""
    if flow.get("state") == "reply-of-allowed":
        return PERMITTED, ["connection-tracking"]
    if any(end.address == ip_address(metadata) for end in (source, destination) for metadata in METADATA):
        return PERMITTED, ["always-allowed:metadata"]
    if source.machine is not None and source.machine is destination.machine:
        return PERMITTED, ["same-vm"]
    return None


def side(recording: Json, direction: str, source: End, destination: End, flow: Json) -> Decision:
    """The sender's egress or the receiver's ingress, by the rules of that interface's network and region."""
    local = destination if direction == "INGRESS" else source
    if local.machine is None or local.nic is None:
        return UNDETERMINED, [f"undecided:instance:{local.instance}"]
    policies = policies_of(recording, local.machine, local.nic)
    if policies is None:
        return UNDETERMINED, ["undecided:policies"]
    order = enforcement_order(recording, local.nic)

    def stage(kind: str) -> list[list[Asked]]:
        """The policies of one kind, each a list of its own."""
        of_kind = [policy for policy in policies if policy["type"] == kind]
        if kind != "HIERARCHY":
            of_kind.sort(key=lambda policy: (policy.get("priority", 1000), policy["name"]))
        place_is_known = order is not None or kind not in ("NETWORK", "NETWORK_REGIONAL")
        return [
            policy_rules(recording, policy, direction, place_is_known, source, destination, flow) for policy in of_kind
        ]

    first = stage("HIERARCHY") + stage("SYSTEM_GLOBAL") + stage("SYSTEM_REGIONAL")
    classic = [classic_rules(recording, direction, source, destination, flow)]
    networks = stage("NETWORK") + stage("NETWORK_REGIONAL")
    rest = classic + networks if order == "AFTER_CLASSIC_FIREWALL" else networks + classic
    implied = (BLOCKED, ["implied-deny-ingress"]) if direction == "INGRESS" else (PERMITTED, ["implied-allow-egress"])
    return walk(first + rest, implied)


def walk(lists: list[list[Asked]], implied: Decision) -> Decision:
    """From list to list and rule to rule, until one decides; a rule for some of the ports is remembered on the way."""
    remembered: list[tuple[str, str]] = []

    def final(prediction: str, names: list[str]) -> Decision:
        for name, comes_to in remembered:
            if comes_to != prediction:
                return UNDETERMINED, [f"undecided:{name}"]
        return prediction, names

    for number, rules in enumerate(lists):
        for rule in rules:
            if rule.match == PART:
                leaves = rule.effect == "goto_next"
                comes_to = walk(lists[number + 1 :], implied)[0] if leaves else COMES_TO[rule.effect]
                remembered.append((rule.names[0], comes_to))
            elif rule.match == MAYBE:
                return final(UNDETERMINED, [f"undecided:{rule.names[0]}"])
            elif rule.match == YES and rule.effect == "goto_next":
                break
            elif rule.match == YES:
                return final(COMES_TO[rule.effect], rule.names)
    return final(*implied)


def classic_rules(recording: Json, direction: str, source: End, destination: End, flow: Json) -> list[Asked]:
    """VPC firewall rules by priority; at one priority denies first, then what cannot be judged, then the allows, which tie."""
    local = destination if direction == "INGRESS" else source
    judged: list[tuple[int, Asked]] = []
    for rule in recording["firewalls"]:
        if network(recording, rule) != network(recording, local.nic) or rule.get("disabled", False):
            continue
        if rule.get("direction", "INGRESS") == direction:
            priority, effect = rule.get("priority", 1000), "deny" if "denied" in rule else "allow"
            match = match_vpc_rule(recording, rule, source, destination, flow)
            if match != NO and (direction, effect, priority) == ("INGRESS", "allow", 65535):
                match = MAYBE  # It ties with the implied deny.
            judged.append((priority, Asked([f"firewall:{rule['name']}"], effect, match)))

    ordered = []
    for priority in sorted({priority for priority, _ in judged}):
        tied = sorted((rule for p, rule in judged if p == priority), key=lambda rule: rule.names)
        ordered += [rule for rule in tied if rule.effect == "deny" and rule.match in (YES, PART)]
        ordered += [rule for rule in tied if rule.match == MAYBE]
        ordered += [rule for rule in tied if rule.effect == "allow" and rule.match == PART]
        allows = [name for rule in tied if rule.effect == "allow" and rule.match == YES for name in rule.names]
        if allows:
            ordered.append(Asked(allows, "allow", YES))
    return ordered


def policy_rules(
    recording: Json, policy: Json, direction: str, place_is_known: bool, source: End, destination: End, flow: Json
) -> list[Asked]:
    """One policy's rules by priority. Where nobody knows the policy's place, a rule that would decide cannot be judged."""
    judged = []
    for rule in sorted(policy.get("rules", []), key=lambda rule: rule["priority"]):
        if not rule.get("disabled", False) and rule["direction"] == direction:
            match = match_policy_rule(recording, rule, source, destination, flow)
            if match != NO and rule["action"] != "goto_next" and not place_is_known:
                match = MAYBE
            judged.append(Asked([f"policy:{policy['name']}/{rule['priority']}"], rule["action"], match))
    return judged


def policies_of(recording: Json, machine: Json, nic: Json) -> list[Json] | None:
    """What applies in the interface's network and region; None where nobody knows."""
    entries = read(recording, "effectiveFirewalls")
    if entries is None or not rules_are_known(recording, nic):
        return None
    if entries == []:
        return []
    for entry in entries:
        here = network_named(recording, entry["network"]) == network(recording, nic)
        if here and entry["region"] == region_of(machine, nic):
            found = entry.get("answer", {"unavailable": entry.get("unavailable")})
            return None if "unavailable" in found else found.get("firewallPolicys", [])
    return None


def rules_are_known(recording: Json, nic: Json) -> bool:
    """A network of another project (Shared VPC) has rules elsewhere, unless the recording shows that it was read too."""
    if network(recording, nic)[0] == recording["project"]:
        return True
    shown = [network_of_item(recording, item) for item in read(recording, "networks") or []]
    return network(recording, nic) in shown + [network(recording, rule) for rule in recording["firewalls"]]


def enforcement_order(recording: Json, nic: Json) -> str | None:
    """Of the interface's network; None where nobody knows."""
    for item in read(recording, "networks") or []:
        if network_of_item(recording, item) == network(recording, nic):
            order: str = item.get("networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL")
            return order if order in ("AFTER_CLASSIC_FIREWALL", "BEFORE_CLASSIC_FIREWALL") else None
    return None
