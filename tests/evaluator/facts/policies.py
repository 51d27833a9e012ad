"""Section 4 of the facts: the rules of firewall policies, and what cannot be judged offline.

https://cloud.google.com/firewall/docs/firewall-policies-rule-details and
https://cloud.google.com/compute/docs/reference/rest/v1/firewallPolicies
"""

from __future__ import annotations

from typing import Any

from tests.evaluator.fact import Fact, Json, receives, sends
from tests.evaluator.world import ONE, TWO, account, allow, deny, network, policy, step, world

IMPLIED_IN, IMPLIED_OUT = "implied-deny-ingress", "implied-allow-egress"
YES = receives("permitted", "policy:7/9")
NO = receives("blocked", IMPLIED_IN)
OPEN = receives("undetermined", "undecided:policy:7/9")
OUTSIDE_YES = receives("permitted", "policy:7/9", sender="")
OUTSIDE_NO = receives("blocked", IMPLIED_IN, sender="")
OUTSIDE_OPEN = receives("undetermined", "undecided:policy:7/9", sender="")


def one(traffic: str = "all", action: str = "allow", **fields: Any) -> Json:
    """A recording with one policy of one rule."""
    return world(policies=[policy("7", "HIERARCHY", step(9, action, traffic, **fields))])


def secure(*tags: str, state: str = "EFFECTIVE") -> list[Json]:
    return [{"name": tag, "state": state} for tag in tags]


OFFICES = "projects/p/locations/global/addressGroups/offices"
BEYOND_JUDGING: dict[str, Any] = {
    "srcFqdns": ["example.com"],
    "destFqdns": ["example.com"],
    "srcRegionCodes": ["FR"],
    "destRegionCodes": ["FR"],
    "srcThreatIntelligences": ["iplist-tor-exit-nodes"],
    "destThreatIntelligences": ["iplist-tor-exit-nodes"],
    "srcNetworkType": "INTERNET",
    "destNetworkType": "INTERNET",
    "srcNetworkContext": "INTERNET",
    "destNetworkContext": "INTERNET",
    "srcNetworks": [network("other")],
}

FACTS = [
    # Priority, action, direction, disabled
    Fact("4.rule.name", "a policy's rule is named by policy and priority",
         one(action="deny"), {"a → b tcp/80": receives("blocked", "policy:7/9")}),
    Fact("4.rule.priorities", "priorities go to 2147483647",
         world(policies=[policy("7", "HIERARCHY", step(2147483647, "deny"), step(2147483646, "allow"))]),
         {"a → b tcp/80": receives("permitted", "policy:7/2147483646")}),
    Fact("4.rule.zero", "and begin with 0", world(policies=[policy("7", "HIERARCHY", step(1, "deny"), step(0, "allow"))]),
         {"a → b tcp/80": receives("permitted", "policy:7/0")}),
    Fact("4.rule.disabled", "a disabled rule does not exist", one(disabled=True), {"a → b tcp/80": NO}),
    Fact("4.rule.disabled-goto", "a disabled goto_next leaves nothing",
         world(policies=[policy("7", "HIERARCHY", step(1, "goto_next", disabled=True), step(9, "allow"))]), {"a → b tcp/80": YES}),
    Fact("4.rule.direction", "a rule for egress is asked on the way out only", one(action="deny", direction="EGRESS"),
         {"a → internet tcp/80": sends("blocked", "policy:7/9"), "internet → a tcp/80": OUTSIDE_NO}),
    Fact("4.rule.empty", "a policy without rules decides nothing", world(allow("a"), policies=[policy("7", "HIERARCHY")]),
         {"a → b tcp/80": receives("permitted", "firewall:a")}),
    Fact("4.rule.informative", "fields that decide nothing are known",
         one(kind="compute#firewallPolicyRule", ruleName="x", ruleTupleCount=3, enableLogging=True, description="x", tlsInspect=False),
         {"a → b tcp/80": YES}),
    # Protocols and ports
    Fact("4.l4.alternatives", "layer4Configs are alternatives", one("tcp:80,443 udp icmp"),
         {"a → b tcp/443": YES, "a → b udp/1": YES, "a → b icmp": YES, "a → b tcp/81": NO, "a → b esp": NO}),
    Fact("4.l4.all", "all is every protocol", one("all"), {"a → b 47": YES, "a → b udp/0": YES}),
    Fact("4.l4.number", "a protocol may be a number", one("58 6:22"), {"a6 → b6 58": YES, "a → b tcp/22": YES, "a → b icmp": NO}),
    Fact("4.l4.range", "port ranges include both ends", one("tcp:8000-8080"),
         {"a → b tcp/8000": YES, "a → b tcp/8080": YES, "a → b tcp/7999": NO, "a → b tcp/8081": NO}),
    Fact("4.l4.every-port", "asked of every port, a rule for some leaves it open", one("tcp:80"), {"a → b tcp": OPEN, "a → b udp": NO}),
    Fact("4.l4.every-port-goto", "goto_next for some ports comes to what comes behind",
         world(allow("a"), policies=[policy("7", "HIERARCHY", step(8, "goto_next", "tcp:80"), step(9, "allow"))]), {"a → b tcp": YES}),
    Fact("4.l4.every-port-goto-other", "which may be something else",
         world(policies=[policy("7", "HIERARCHY", step(8, "goto_next", "tcp:80"), step(9, "allow"))]),
         {"a → b tcp": receives("undetermined", "undecided:policy:7/8")}),
    # Ranges
    Fact("4.ranges.source", "source ranges", one(srcIpRanges=["10.0.0.0/24"]), {"a → b tcp/80": YES, "a-pod → b tcp/80": NO}),
    Fact("4.ranges.destination", "destination ranges", one(destIpRanges=["10.4.2.0/24"]), {"a → b-pod tcp/80": YES, "a → b tcp/80": NO}),
    Fact("4.ranges.both", "both are needed", one(srcIpRanges=["10.0.0.0/24"], destIpRanges=["10.4.2.0/24"]),
         {"a → b-pod tcp/80": YES, "a → b tcp/80": NO, "us → b-pod tcp/80": NO}),
    Fact("4.ranges.none", "no source is any source, of both families", one(),
         {"internet → b tcp/80": OUTSIDE_YES, "internet6 → b6 tcp/80": OUTSIDE_YES}),
    Fact("4.ranges.empty", "an empty list counts as absent", one(srcIpRanges=[], srcSecureTags=[], srcFqdns=[], destIpRanges=[]),
         {"a → b tcp/80": YES}),
    Fact("4.ranges.four", "0.0.0.0/0 is IPv4 only", one(srcIpRanges=["0.0.0.0/0"]), {"a6 → b6 tcp/80": NO, "a → b tcp/80": YES}),
    Fact("4.ranges.mixed", "a policy's rule may have both families", one(srcIpRanges=["0.0.0.0/0", "::/0"]),
         {"a6 → b6 tcp/80": YES, "a → b tcp/80": YES}),
    Fact("4.ranges.host-bits", "host bits are cut off", one(srcIpRanges=["10.0.0.77/24"]), {"a → b tcp/80": YES}),
    Fact("4.ranges.egress", "an egress rule's destination is the peer",
         one(action="deny", direction="EGRESS", destIpRanges=["203.0.113.0/24"]),
         {"a → internet tcp/80": sends("blocked", "policy:7/9"), "a → b tcp/80": NO}),
    Fact("4.ranges.egress-source", "and its source the sender's own address",
         one(action="deny", direction="EGRESS", srcIpRanges=["10.4.1.0/24"]),
         {"a-pod → internet tcp/80": sends("blocked", "policy:7/9"), "a → internet tcp/80": sends("permitted", IMPLIED_OUT)}),
    # Targets
    Fact("4.target.network", "targetResources name networks", one(targetResources=[network("default")]), {"a → b tcp/80": YES}),
    Fact("4.target.other-network", "of other networks it is none", one(targetResources=[network("other")]), {"a → b tcp/80": NO}),
    Fact("4.target.networks", "one of several is enough",
         one(targetResources=[network("other"), network("default")]), {"a → b tcp/80": YES}),
    Fact("4.target.project", "networks of another project are others",
         one(targetResources=[network("default", project="q")]), {"a → b tcp/80": NO}),
    Fact("4.target.account", "targetServiceAccounts", one(targetServiceAccounts=[account("b")]), {"a → b tcp/80": YES, "b → a tcp/80": NO}),
    Fact("4.target.account-egress", "on the way out the sender's",
         one(action="deny", direction="EGRESS", targetServiceAccounts=[account("a")]),
         {"a → internet tcp/80": sends("blocked", "policy:7/9"), "b → internet tcp/80": sends("permitted", IMPLIED_OUT)}),
    Fact("4.target.secure", "targetSecureTags", one(targetSecureTags=secure(TWO)), {"a → b tcp/80": YES, "b → a tcp/80": NO}),
    Fact("4.target.secure-several", "one of several is enough",
         one(targetSecureTags=secure(ONE, TWO)), {"a → b tcp/80": YES, "b → a tcp/80": YES}),
    Fact("4.target.ineffective", "an INEFFECTIVE target tag is ignored: with no other target the rule never matches",
         one(targetSecureTags=secure(TWO, state="INEFFECTIVE")), {"a → b tcp/80": NO}),
    Fact("4.target.half-ineffective", "beside an effective one it is nothing",
         one(targetSecureTags=[*secure(TWO, state="INEFFECTIVE"), *secure(ONE)]), {"a → b tcp/80": NO, "b → a tcp/80": YES}),
    Fact("4.target.no-state", "a tag without a state is effective", one(targetSecureTags=[{"name": TWO}]), {"a → b tcp/80": YES}),
    Fact("4.target.either", "accounts and secure tags are alternatives",
         one(targetServiceAccounts=[account("gw")], targetSecureTags=secure(TWO)),
         {"a → b tcp/80": YES, "a → gw tcp/80": YES, "b → a tcp/80": NO}),
    Fact("4.target.and-network", "both narrow the networks", one(targetResources=[network("other")], targetSecureTags=secure(TWO)),
         {"a → b tcp/80": NO}),
    Fact("4.target.unknown-bindings", "bindings that nobody knows leave it open",
         world(policies=[policy("7", "HIERARCHY", step(9, "allow", targetSecureTags=secure(TWO)))], secureTagBindings=None),
         {"a → b tcp/80": OPEN}),
    Fact("4.target.unknown-bindings-account", "unless the account decides",
         world(policies=[policy("7", "HIERARCHY", step(9, "allow", targetSecureTags=secure(ONE), targetServiceAccounts=[account("b")]))],
               secureTagBindings=None), {"a → b tcp/80": YES}),
    Fact("4.target.ineffective-bindings", "INEFFECTIVE tags need no bindings",
         world(policies=[policy("7", "HIERARCHY", step(9, "allow", targetSecureTags=secure(TWO, state="INEFFECTIVE")))],
               secureTagBindings=None), {"a → b tcp/80": NO}),
    Fact("4.target.instances", "INSTANCES are machines", one(targetType="INSTANCES"), {"a → b tcp/80": YES}),
    Fact("4.target.load-balancers", "a rule for load balancers is not for machines",
         world(allow("a"), policies=[policy("7", "HIERARCHY", step(9, "deny", targetType="INTERNAL_MANAGED_LB"))]),
         {"a → b tcp/80": receives("permitted", "firewall:a")}),
    # Sources: alternatives
    Fact("4.source.ineffective", "with INEFFECTIVE sources only the rule never matches",
         one(srcSecureTags=secure(ONE, state="INEFFECTIVE")),
         {"a → b tcp/80": NO, "internet → b tcp/80": OUTSIDE_NO}),
    Fact("4.source.ineffective-range", "a range beside them still counts",
         one(srcSecureTags=secure(ONE, state="INEFFECTIVE"), srcIpRanges=["10.0.0.1/32"]), {"a → b tcp/80": YES, "us → b tcp/80": NO}),
    Fact("4.source.or", "ranges, groups and tags are alternatives",
         one(srcSecureTags=secure(ONE), srcIpRanges=["10.1.0.0/16"], srcAddressGroups=["offices"]),
         {"a → b tcp/80": YES, "us → b tcp/80": YES, "a-pod → b tcp/80": YES, "gw → b tcp/80": NO}),
    # Address groups
    Fact("4.group.name", "an address group is looked up by its name",
         one(srcAddressGroups=["offices"]), {"a-pod → b tcp/80": YES, "a → b tcp/80": NO}),
    Fact("4.group.path", "or by the last part of its path", one(srcAddressGroups=[OFFICES]), {"a-pod → b tcp/80": YES, "a → b tcp/80": NO}),
    Fact("4.group.url", "or of its URL", one(srcAddressGroups=[f"https://networksecurity.googleapis.com/v1/{OFFICES}"]),
         {"a-pod → b tcp/80": YES, "a → b tcp/80": NO}),
    Fact("4.group.full-first", "the whole text is looked up first",
         world(policies=[policy("7", "HIERARCHY", step(9, "allow", srcAddressGroups=[OFFICES]))],
               addressGroups={OFFICES: ["10.0.0.1/32"], "offices": []}), {"a → b tcp/80": YES, "a-pod → b tcp/80": NO}),
    Fact("4.group.destination", "as destination too", one(destAddressGroups=[OFFICES], action="deny", direction="EGRESS"),
         {"b → a-pod tcp/80": sends("blocked", "policy:7/9"), "b → a tcp/80": NO}),
    Fact("4.group.missing", "one that is not recorded leaves it open", one(srcAddressGroups=["homes"]), {"a → b tcp/80": OPEN}),
    Fact("4.group.missing-range", "unless a range beside it matches", one(srcAddressGroups=["homes"], srcIpRanges=["10.0.0.1/32"]),
         {"a → b tcp/80": YES, "us → b tcp/80": OPEN}),
    Fact("4.group.missing-protocol", "or the protocol does not", one("udp", srcAddressGroups=["homes"]), {"a → b tcp/80": NO}),
    Fact("4.group.unread", "groups that could not be read are not recorded",
         world(policies=[policy("7", "HIERARCHY", step(9, "allow", srcAddressGroups=["offices"]))],
               addressGroups=None, unavailable={"addressGroups": "forbidden"}), {"a-pod → b tcp/80": OPEN}),
    # What only Google can judge
    *[Fact(f"4.offline.{key}", f"{key} cannot be judged offline", one(**{key: value}), {"internet → b tcp/80": OUTSIDE_OPEN})
      for key, value in BEYOND_JUDGING.items() if key.startswith("src") or "Network" in key],
    *[Fact(f"4.offline.{key}-egress", f"{key} cannot be judged offline", one(**{key: value}, direction="EGRESS", action="deny"),
           {"a → internet tcp/80": sends("undetermined", "undecided:policy:7/9")})
      for key, value in BEYOND_JUDGING.items() if key.startswith("dest")],
    Fact("4.offline.alternative", "a range that matches beside one makes it sure",
         one(srcFqdns=["example.com"], srcIpRanges=["203.0.113.0/24"]),
         {"internet → b tcp/80": OUTSIDE_YES, "a → b tcp/80": OPEN}),
    Fact("4.offline.condition", "a network type narrows: where the range does not match, the rule does not",
         one(srcNetworkType="INTERNET", srcIpRanges=["203.0.113.0/24"]), {"internet → b tcp/80": OUTSIDE_OPEN, "a → b tcp/80": NO}),
    Fact("4.offline.other-side", "nothing is open where the other side does not match",
         one(srcFqdns=["example.com"], destIpRanges=["10.9.9.9/32"]),
         {"internet → b tcp/80": OUTSIDE_NO}),
    Fact("4.offline.protocol", "nor for another protocol", one("udp", srcFqdns=["example.com"]), {"internet → b tcp/80": OUTSIDE_NO}),
    Fact("4.offline.target", "nor for another target", one(srcFqdns=["example.com"], targetServiceAccounts=[account("a")]),
         {"internet → b tcp/80": OUTSIDE_NO}),
    Fact("4.offline.behind", "what decides before it decides",
         world(policies=[policy("7", "HIERARCHY", step(1, "deny"), step(9, "allow", srcFqdns=["example.com"]))]),
         {"a → b tcp/80": receives("blocked", "policy:7/1")}),
    Fact("4.offline.same", "whatever comes behind, nobody guesses",
         world(allow("a"), policies=[policy("7", "HIERARCHY", step(9, "allow", srcFqdns=["example.com"]))]), {"a → b tcp/80": OPEN}),
    Fact("4.offline.goto", "a goto_next that cannot be judged is open too",
         world(allow("a"), policies=[policy("7", "HIERARCHY", step(9, "goto_next", srcRegionCodes=["FR"]), step(10, "deny"))]),
         {"a → b tcp/80": OPEN}),
    Fact("4.offline.first", "the first of several is named",
         world(policies=[policy("7", "HIERARCHY", step(9, "deny", srcRegionCodes=["FR"]), step(10, "allow", srcFqdns=["example.com"]))]),
         {"a → b tcp/80": OPEN}),
    # Fields that nobody knows
    Fact("4.unknown.match", "a condition nobody knows never makes a rule broader", one(srcIpRanges=["10.0.0.0/8"], srcFuture=["x"]),
         {"a → b tcp/80": OPEN, "internet → b tcp/80": OUTSIDE_OPEN}),
    Fact("4.unknown.rule", "nor does a field nobody knows in the rule", one(future=["x"]), {"a → b tcp/80": OPEN}),
    Fact("4.unknown.deny", "a deny is not taken for sure either",
         world(allow("a"), policies=[policy("7", "HIERARCHY", step(9, "deny", future=1))]),
         {"a → b tcp/80": OPEN}),
    Fact("4.unknown.protocol", "the protocol still tells", one("udp", future=["x"]), {"a → b tcp/80": NO, "a → b udp/80": OPEN}),
    Fact("4.unknown.direction", "the direction too", one(future=["x"], direction="EGRESS"), {"internet → b tcp/80": OUTSIDE_NO}),
    Fact("4.unknown.disabled", "a disabled rule does not exist, known or not", one(future=["x"], disabled=True), {"a → b tcp/80": NO}),
    Fact("4.unknown.before", "what decides before it decides",
         world(policies=[policy("7", "HIERARCHY", step(1, "allow"), step(9, "deny", future=1))]),
         {"a → b tcp/80": receives("permitted", "policy:7/1")}),
    Fact("4.unknown.goto", "an unknown goto_next may or may not leave",
         world(allow("a"), policies=[policy("7", "HIERARCHY", step(9, "goto_next", future=1))]), {"a → b tcp/80": OPEN}),
    Fact("4.unknown.place", "goto_next is the same in every place",
         world(allow("a"), policies=[policy("g", "NETWORK", step(9, "goto_next"))], networks=[]),
         {"a → b tcp/80": receives("permitted", "firewall:a")}),
    # Several kinds together
    Fact("4.together.obstacles", "the first of several obstacles decides",
         world(deny("d"), policies=[policy("7", "HIERARCHY", step(1, "deny")), policy("g", "NETWORK", step(1, "deny"))]),
         {"a → b tcp/80": receives("blocked", "policy:7/1")}),
    Fact("4.together.delegated", "an organization may deny some and leave the rest to others",
         world(allow("a"), policies=[policy("7", "HIERARCHY", step(1, "deny", "tcp:22", srcIpRanges=["0.0.0.0/0"]), step(2, "goto_next"))]),
         {"internet → b tcp/22": receives("blocked", "policy:7/1", sender=""),
          "internet → b tcp/80": receives("permitted", "firewall:a", sender="")}),
]  # fmt: skip
