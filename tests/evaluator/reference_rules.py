"""Does this rule match that flow? Four-valued, for the reference evaluator."""

from __future__ import annotations

from collections.abc import Callable

from tests.evaluator.reference_ends import (
    End,
    Json,
    alias,
    network,
    network_named,
    network_of_item,
    primary,
    read,
    within,
)

# A match is one of these four. PART: for some of the ports asked about, where all were asked about.
YES, MAYBE, PART, NO = "yes", "maybe", "part", "no"

NUMBERS = {"icmp": 1, "ipip": 4, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "sctp": 132}

VPC_RULE_KEYS = {
    "allowed", "creationTimestamp", "denied", "description", "destinationRanges", "direction", "disabled", "id", "kind", "logConfig",
    "name", "network", "params", "priority", "selfLink", "sourceRanges", "sourceServiceAccounts", "sourceTags", "targetServiceAccounts",
    "targetTags",
}  # fmt: skip
POLICY_RULE_KEYS = {
    "action", "description", "direction", "disabled", "enableLogging", "kind", "match", "priority", "ruleName", "ruleTupleCount",
    "securityProfileGroup", "targetResources", "targetSecureTags", "targetServiceAccounts", "targetType", "tlsInspect",
}  # fmt: skip
JUDGED_MATCH_KEYS = {
    "srcIpRanges", "destIpRanges", "srcAddressGroups", "destAddressGroups", "srcSecureTags", "layer4Configs",
}  # fmt: skip
ALTERNATIVES_BEYOND_JUDGING = ("Fqdns", "RegionCodes", "ThreatIntelligences")
CONDITIONS_BEYOND_JUDGING = {
    "src": ("srcNetworkType", "srcNetworkContext", "srcNetworks"),
    "dest": ("destNetworkType", "destNetworkContext"),
}
MATCH_KEYS = (
    JUDGED_MATCH_KEYS
    | {side + key for side in ("src", "dest") for key in ALTERNATIVES_BEYOND_JUDGING}
    | {key for keys in CONDITIONS_BEYOND_JUDGING.values() for key in keys}
)


def match_vpc_rule(recording: Json, rule: Json, source: End, destination: End, flow: Json) -> str:
    """https://cloud.google.com/compute/docs/reference/rest/v1/firewalls; the rule is one of this network, side and direction."""
    entries = [(entry["IPProtocol"], entry.get("ports", []), entry) for entry in rule.get("allowed") or rule["denied"]]
    l4 = match_l4(flow, [(protocol, ports) for protocol, ports, _ in entries])
    if set(rule) - VPC_RULE_KEYS or any(set(entry) - {"IPProtocol", "ports"} for _, _, entry in entries):
        return NO if l4 == NO else MAYBE

    ingress = rule.get("direction", "INGRESS") == "INGRESS"
    local = destination if ingress else source
    tags, accounts = rule.get("targetTags", []), rule.get("targetServiceAccounts", [])
    target = [has_tag(local.machine, tags), has_account(local.machine, accounts)] if tags or accounts else [YES]

    # What is stored by the API where nothing is given: the whole of IPv4, for the remote side only.
    sources, destinations = rule.get("sourceRanges", []), rule.get("destinationRanges", [])
    tags, accounts = rule.get("sourceTags", []), rule.get("sourceServiceAccounts", [])
    if ingress and not sources and not tags and not accounts:
        sources = ["0.0.0.0/0"]
    if not ingress and not destinations:
        destinations = ["0.0.0.0/0"]
    alternatives = [yes_if(within(source.address, sources))]
    if tags:
        alternatives.append(whose_primary(recording, source, local, lambda machine: has_tag(machine, tags)))
    if accounts:
        alternatives.append(whose_primary(recording, source, local, lambda machine: has_account(machine, accounts)))
    any_source = not (sources or tags or accounts)
    any_destination = not destinations

    return every(
        some(target),
        YES if any_source else some(alternatives),
        YES if any_destination else yes_if(within(destination.address, destinations)),
        l4,
    )


def match_policy_rule(recording: Json, rule: Json, source: End, destination: End, flow: Json) -> str:
    """https://cloud.google.com/compute/docs/reference/rest/v1/firewallPolicies; the rule is one of this side and direction."""
    match = rule["match"]
    entries = [(entry["ipProtocol"], entry.get("ports", []), entry) for entry in match["layer4Configs"]]
    l4 = match_l4(flow, [(protocol, ports) for protocol, ports, _ in entries])
    local = destination if rule["direction"] == "INGRESS" else source
    unknown = set(rule) - POLICY_RULE_KEYS or set(match) - MATCH_KEYS
    if unknown or any(set(entry) - {"ipProtocol", "ports"} for _, _, entry in entries):
        return NO if l4 == NO else MAYBE
    return every(
        match_target(recording, rule, local),
        match_policy_side(recording, match, "src", source, local),
        match_policy_side(recording, match, "dest", destination, local),
        l4,
    )


def match_target(recording: Json, rule: Json, local: End) -> str:
    """Machines, not load balancers; of the networks named; with one of the accounts or tags named."""
    if rule.get("targetType", "INSTANCES") == "INTERNAL_MANAGED_LB":
        return NO
    networks = [network_named(recording, url) for url in rule.get("targetResources", [])]
    if networks and network(recording, local.nic) not in networks:
        return NO
    accounts, tags = rule.get("targetServiceAccounts", []), rule.get("targetSecureTags", [])
    if not accounts and not tags:
        return YES
    return some([has_account(local.machine, accounts), has_secure_tag(recording, local.machine, tags)])


def match_policy_side(recording: Json, match: Json, side: str, end: End, local: End) -> str:
    """`src` or `dest`: alternatives, of which one is enough, narrowed by conditions that only Google can judge."""
    alternatives = []
    if match.get(f"{side}IpRanges"):
        alternatives.append(yes_if(within(end.address, match[f"{side}IpRanges"])))
    for name in match.get(f"{side}AddressGroups", []):
        group = address_group(recording, name)
        alternatives.append(MAYBE if group is None else yes_if(within(end.address, group)))
    alternatives += [MAYBE for key in ALTERNATIVES_BEYOND_JUDGING if match.get(f"{side}{key}")]
    if side == "src" and match.get("srcSecureTags"):
        alternatives.append(from_secure_tags(recording, match["srcSecureTags"], end, local))
    conditions = [MAYBE for key in CONDITIONS_BEYOND_JUDGING[side] if match.get(key)]
    return every(some(alternatives) if alternatives else YES, *conditions)


def match_l4(flow: Json, entries: list[tuple[str, list[str]]]) -> str:
    """Protocols by name or number; ports single or `a-b`, both ends included; no ports are all of them."""
    asked, port = number_of(flow["protocol"]), flow.get("port")
    ranges = []
    for protocol, ports in entries:
        if protocol != "all" and number_of(protocol) != asked:
            continue
        if not ports:
            return YES
        for text in ports:
            first, _, last = text.partition("-")
            ranges.append(range(int(first), int(last or first) + 1))
    if port is not None:
        return yes_if(any(port in covered for covered in ranges))
    return YES if len(set().union(*ranges)) == 65536 else PART if ranges else NO


def whose_primary(recording: Json, source: End, local: End, test: Callable[[Json], str]) -> str:
    """A source tag or account stands for primary addresses of machines in the asked side's network; never for pods."""
    if source.instance is None:
        return NO
    if source.machine is None or source.nic is None:
        return MAYBE
    if network(recording, source.nic) != network(recording, local.nic) or not primary(source.nic, source.address):
        return NO
    return test(source.machine)


def from_secure_tags(recording: Json, tags: list[Json], source: End, local: End) -> str:
    """As `whose_primary`, and in peered networks; documents disagree about alias ranges."""
    if source.instance is None or not effective(tags):
        return NO
    if source.machine is None or source.nic is None:
        return MAYBE
    if primary(source.nic, source.address):
        held = YES
    elif alias(source.nic, source.address):
        held = MAYBE
    else:
        held = NO
    return every(held, near(recording, source.nic, local.nic), has_secure_tag(recording, source.machine, tags))


def near(recording: Json, nic: Json, of: Json | None) -> str:
    """In the same network, or in one that is actively peered with it."""
    here, there = network(recording, of), network(recording, nic)
    if here == there:
        return YES
    for item in read(recording, "networks") or []:
        if network_of_item(recording, item) == here:
            active = [p["network"] for p in item.get("peerings", []) if p.get("state") == "ACTIVE"]
            return yes_if(there in [network_named(recording, url) for url in active])
    return MAYBE


def has_tag(machine: Json | None, tags: list[str]) -> str:
    return yes_if(machine is not None and any(tag in machine.get("tags", {}).get("items", []) for tag in tags))


def has_account(machine: Json | None, accounts: list[str]) -> str:
    held = [account["email"] for account in machine.get("serviceAccounts", [])] if machine is not None else []
    return yes_if(any(account in held for account in accounts))


def has_secure_tag(recording: Json, machine: Json | None, tags: list[Json]) -> str:
    """INEFFECTIVE tags are nobody's."""
    if not effective(tags):
        return NO
    bindings = read(recording, "secureTagBindings")
    if bindings is None or machine is None:
        return MAYBE
    return yes_if(any(name in bindings.get(machine["name"], []) for name in effective(tags)))


def effective(tags: list[Json]) -> list[str]:
    return [tag["name"] for tag in tags if tag.get("state", "EFFECTIVE") == "EFFECTIVE"]


def address_group(recording: Json, name: str) -> list[str] | None:
    groups: dict[str, list[str]] = recording.get("addressGroups") or {}
    return groups.get(name, groups.get(name.rpartition("/")[2]))


def every(*answers: str) -> str:
    """All of them hold."""
    return NO if NO in answers else MAYBE if MAYBE in answers else PART if PART in answers else YES


def some(answers: list[str]) -> str:
    """One of them holds."""
    return YES if YES in answers else MAYBE if MAYBE in answers else NO


def yes_if(holds: bool) -> str:
    return YES if holds else NO


def number_of(protocol: str | int) -> int:
    text = str(protocol)
    return NUMBERS[text] if text in NUMBERS else int(text)
