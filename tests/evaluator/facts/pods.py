"""Section 3 of the facts: what matches pods and what does not.

https://cloud.google.com/vpc/docs/alias-ip#firewalls
"""

from __future__ import annotations

from typing import Any

from tests.evaluator.fact import Fact, Json, receives, sends
from tests.evaluator.world import ONE, TWO, account, allow, deny, policy, step, world

IMPLIED_IN, IMPLIED_OUT = "implied-deny-ingress", "implied-allow-egress"
PERMITTED = receives("permitted", "firewall:a")
BLOCKED = receives("blocked", IMPLIED_IN)
ANSWERED = receives("permitted", "policy:g/1")
UNDECIDED = receives("undetermined", "undecided:policy:g/1")


def tagged(*tags: str, **fields: Any) -> Json:
    """A global network policy that allows what comes from these secure tags."""
    return policy(
        "g", "NETWORK", step(1, "allow", srcSecureTags=[{"name": t, "state": "EFFECTIVE"} for t in tags], **fields)
    )


FACTS = [
    # Targets
    Fact("3.target.tag", "a pod as receiver has its node's tags", world(allow("a", targetTags=["db"])), {"a → b-pod tcp/80": PERMITTED}),
    Fact("3.target.account", "and its node's service account", world(allow("a", targetServiceAccounts=[account("b")])),
         {"a → b-pod tcp/80": PERMITTED}),
    Fact("3.target.sender", "a pod as sender is a target by them too", world(deny("e", direction="EGRESS", targetTags=["web"])),
         {"a-pod → internet tcp/80": sends("blocked", "firewall:e"), "c-pod → internet tcp/80": sends("blocked", "firewall:e")}),
    Fact("3.target.routed", "also where a route delivers it", world(allow("a", targetTags=["web"])),
         {"b → c-pod tcp/80": PERMITTED, "b → c-hop tcp/80": PERMITTED}),
    Fact("3.target.secure", "and by its node's secure tags",
         world(policies=[policy("g", "NETWORK", step(1, "allow", targetSecureTags=[{"name": TWO}]))]),
         {"a → b-pod tcp/80": ANSWERED, "b → a-pod tcp/80": BLOCKED}),
    # Sources
    Fact("3.source.tag-alias", "a pod of an alias range does not carry its node's tag as a source", world(allow("a", sourceTags=["web"])),
         {"a-pod → b tcp/80": BLOCKED, "a → b tcp/80": PERMITTED}),
    Fact("3.source.tag-routed", "nor does one that a route delivers", world(allow("a", sourceTags=["web"])),
         {"c-pod → b tcp/80": BLOCKED, "c-hop → b tcp/80": BLOCKED, "c → b tcp/80": PERMITTED}),
    Fact("3.source.account-alias", "nor its node's service account", world(allow("a", sourceServiceAccounts=[account("a")])),
         {"a-pod → b tcp/80": BLOCKED, "a → b tcp/80": PERMITTED}),
    Fact("3.source.account-routed", "by route neither", world(allow("a", sourceServiceAccounts=[account("c")])),
         {"c-pod → b tcp/80": BLOCKED, "c → b tcp/80": PERMITTED}),
    Fact("3.source.range", "a pod is matched by range", world(allow("a", sourceRanges=["10.4.0.0/16"])),
         {"a-pod → b-pod tcp/80": PERMITTED, "c-pod → b tcp/80": BLOCKED, "a → b tcp/80": BLOCKED}),
    Fact("3.source.deny-tag", "a deny by tag does not stop pods", world(allow("a"), deny("d", sourceTags=["web"], priority=1)),
         {"a-pod → b tcp/80": PERMITTED, "a → b tcp/80": receives("blocked", "firewall:d")}),
    Fact("3.source.node-is-not-pod", "the node's own address passes where its pods' does not",
         world(allow("a", sourceRanges=["10.0.0.0/24"])), {"a → b-pod udp/53": PERMITTED, "a-pod → b-pod udp/53": BLOCKED}),
    Fact("3.source.gke-all", "GKE's rule for its pod range lets pods talk, and its node tag is the target",
         world(allow("a", "tcp udp icmp esp ah sctp", sourceRanges=["10.4.0.0/14"], targetTags=["db"])),
         {"a-pod → b-pod udp/53": PERMITTED, "c-pod → b tcp/9": PERMITTED, "a-pod → b 47": BLOCKED, "b-pod → a tcp/80": BLOCKED}),
    # Secure tags as sources
    Fact("3.secure.primary", "a secure tag stands for a bound machine's primary address", world(policies=[tagged(ONE)]),
         {"a → b tcp/80": ANSWERED, "us → b tcp/80": BLOCKED}),
    Fact("3.secure.alias", "for its alias ranges documents disagree", world(policies=[tagged(ONE)]), {"a-pod → b tcp/80": UNDECIDED}),
    Fact("3.secure.alias-other", "which does not matter for a tag that it has not",
         world(policies=[tagged(TWO)]), {"a-pod → b tcp/80": BLOCKED}),
    Fact("3.secure.routed", "what a route delivers it does not stand for", world(policies=[tagged(ONE)]),
         {"c-pod → b tcp/80": BLOCKED, "c → b tcp/80": ANSWERED}),
    Fact("3.secure.peer", "it counts across an active peering", world(policies=[tagged(ONE)]), {"far → b tcp/80": ANSWERED}),
    Fact("3.secure.stranger", "but not from a network that is not peered", world(policies=[tagged(ONE)]), {"stranger → b tcp/80": BLOCKED}),
    Fact("3.secure.inactive", "nor across an inactive peering",
         world(policies=[tagged(ONE)], networks=[
             {"name": "default", "peerings": [{"network": "projects/p/global/networks/far", "state": "INACTIVE"}]}]),
         {"far → b tcp/80": BLOCKED}),
    Fact("3.secure.outside", "a peer outside has no tags", world(policies=[tagged(ONE)]),
         {"internet → b tcp/80": receives("blocked", IMPLIED_IN, sender="")}),
    Fact("3.secure.range-beside", "a range beside it decides for alias addresses",
         world(policies=[tagged(ONE, srcIpRanges=["10.4.0.0/16"])]),
         {"a-pod → b tcp/80": ANSWERED}),
    Fact("3.secure.unbound", "a machine that is not listed has no tags", world(policies=[tagged(ONE)], secureTagBindings={}),
         {"a → b tcp/80": BLOCKED}),
    Fact("3.secure.unknown", "bindings that nobody knows leave it open", world(policies=[tagged(ONE)], secureTagBindings=None),
         {"a → b tcp/80": UNDECIDED, "c-pod → b tcp/80": BLOCKED}),
    Fact("3.secure.unavailable", "as do those that could not be read",
         world(policies=[tagged(ONE)], unavailable={"secureTagBindings": "forbidden"}),
         {"a → b tcp/80": UNDECIDED}),
    Fact("3.secure.null", "or are null", {**world(policies=[tagged(ONE)]), "secureTagBindings": None}, {"a → b tcp/80": UNDECIDED}),
    # Services behind pods
    Fact("3.service.outside", "an address of no machine is a peer outside: only the sender's rules are asked", world(deny("d")),
         {"a-pod → internet tcp/443": sends("permitted", IMPLIED_OUT)}),
]  # fmt: skip
