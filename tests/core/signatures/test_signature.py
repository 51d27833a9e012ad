"""Which rules a pattern speaks of: the story's, the denies', and what is said where it cannot be told."""

from __future__ import annotations

import pytest

from pathcheck.core.signatures.pronounce import pronounce
from pathcheck.core.signatures.signature import sign
from pathcheck.model.rules import Rule
from pathcheck.model.signature import Ends, Pattern, Signature
from tests.builders import l4
from tests.patterns import NOBODY, OBSERVED, admits, denies, pattern, pods, story
from tests.recordings import Raw, asked, firewall


def names(rules: tuple[Rule, ...]) -> list[str]:
    return [r.name for r in rules]


def caused(signature: Signature) -> list[tuple[list[list[str]], list[str]]]:
    return [([names(alike) for alike in cause.allows], names(cause.denies)) for cause in signature.causes]


# The story


@pytest.mark.parametrize("path", [pods(), Ends(pods().sender), Ends(None, pods().receiver), NOBODY])
def test_the_story_by_the_rules_as_they_were(path: Ends) -> None:
    """Before the deletion is the last that is known: what crosses is two rules', and the third, for the pods, is not in force."""
    signature = sign(OBSERVED, path, story("before"))
    assert caused(signature) == [([["akrobateo-fw-traefik"], ["default-allow-icmp"]], [])]
    assert "gke-august-period-234610-all" in names(signature.excluded)
    assert (signature.told, signature.unexplained, signature.more) == (True, (), 0)


def test_the_story_by_the_rules_as_they_are() -> None:
    """A recording of the outage has no rule that is not in force, and so says only that there is none for the pod range."""
    signature = sign(OBSERVED, pods(), story("outage"))
    assert caused(signature) == [([["akrobateo-fw-traefik"], ["default-allow-icmp"]], [])]
    assert (signature.excluded, signature.no_pod_rule) == ((), True)


def test_the_rule_for_nodes_is_in_force_for_nodes() -> None:
    """default-allow-internal, which the story's author saw in the list, is excluded for pods only when nobody says they are pods."""
    for path in (pods(), Ends(pods().sender)):
        assert names(sign(OBSERVED, path, story("before")).excluded) == ["gke-august-period-234610-all"]
    assert "default-allow-internal" in names(sign(OBSERVED, NOBODY, story("before")).excluded)


def test_the_story_without_any_rules() -> None:
    """Of the rules that everybody has, those for pods and nodes are not in force, and two sets may be."""
    signature = sign(OBSERVED, NOBODY)
    assert caused(signature) == [
        ([["default-allow-icmp"], ["k8s-fw-…"]], []),
        ([["default-allow-http"], ["default-allow-https", "gke-…-master"], ["default-allow-icmp"]], []),
    ]
    assert {"gke-…-all", "gke-…-vms"} <= set(names(signature.excluded))
    assert signature.well_known


# Denies


def test_what_one_deny_takes_is_told_with_it() -> None:
    """GKE's kubelet rules: everything crosses between pods but tcp/10255."""
    everything = pattern("icmp tcp/22 udp/53", "tcp/10255")
    signature = sign(everything, NOBODY)
    assert caused(signature)[0] == (
        [["gke-…-vms", "default-allow-internal", "gke-…-all"]],
        ["gke-…-exkubelet"],
    )
    assert not {"gke-…-vms", "gke-…-all"} & set(names(signature.excluded))


@pytest.mark.parametrize(
    ("priority", "expected"),
    [
        (999, []),
        (1000, [([["all"]], ["no-dns"])]),
        (1001, [([["all"]], ["no-dns"])]),
    ],
)
def test_a_deny_takes_only_what_is_asked_behind_it(
    priority: int, expected: list[tuple[list[list[str]], list[str]]]
) -> None:
    """At one priority the deny is asked first; an allow before it would have let the query through."""
    rules = firewall(admits("all", "tcp", "udp", priority=priority), denies("no-dns", "udp/53"))
    assert caused(sign(pattern("tcp/80", "udp/53"), pods(), rules)) == expected


def test_an_allow_before_a_deny_keeps_what_that_would_take() -> None:
    """ssh is let in first; of the rest the deny takes the low ports."""
    rules = firewall(
        admits("ssh", "tcp/22", priority=1), denies("low", "tcp/0-1023", priority=500), admits("all", "tcp")
    )
    signature = sign(pattern("tcp/22 tcp/8080", "tcp/80"), pods(), rules)
    assert caused(signature) == [([["all"], ["ssh"]], ["low"])]


def test_a_deny_on_the_senders_side_takes_from_every_allow() -> None:
    """But for what the sender's side allows before."""
    out = {"direction": "EGRESS", "destinationRanges": ["0.0.0.0/0"]}
    rules = firewall(
        admits("all", "tcp", "udp", priority=1),
        denies("nothing-out", "all", priority=900, **out),
        admits("web-out", "tcp/443", priority=800, **out),
    )
    assert caused(sign(pattern("tcp/443", "udp/53"), pods(), rules)) == [([["all"]], ["nothing-out"])]
    assert caused(sign(pattern("tcp/80", "udp/53"), pods(), rules)) == []


def test_several_denies_are_told_together_where_nothing_has_changed() -> None:
    """No single deny explains it; all that are known do."""
    rules = firewall(
        admits("all", "all"), denies("no-dns", "udp/53"), denies("no-ssh", "tcp/22"), denies("no-x", "esp")
    )
    signature = sign(pattern("tcp/80 icmp", "udp/53 tcp/22"), pods(), rules)
    assert caused(signature) == [([["all"]], ["no-dns", "no-ssh"])]


def test_an_allow_behind_a_deny_may_be_in_force() -> None:
    """It is no more excluded than it is shown to be in force."""
    rules = firewall(admits("all", "tcp", "udp"), denies("no-dns", "udp/53", priority=5), admits("web", "tcp/80"))
    signature = sign(pattern("tcp/80", "udp/53"), pods(), rules)
    assert (names(signature.excluded), names(signature.candidates)) == ([], ["all", "web"])
    assert caused(signature) == [([["web"]], []), ([["all"]], ["no-dns"])]


# What cannot be told


def test_what_no_known_rule_admits() -> None:
    """It is named; the rest is explained all the same."""
    signature = sign(pattern("icmp tcp/9000", "udp/53"), pods(), firewall(admits("ping", "icmp")))
    assert (signature.unexplained, signature.told) == ((l4("tcp/9000"),), False)
    assert caused(signature) == [([["ping"]], [])]


def test_several_sets_of_rules_and_the_port_that_would_tell() -> None:
    """Fewer rules first; ssh is what only one of them has besides."""
    rules = firewall(
        admits("web", "tcp/80", "tcp/443"),
        admits("http", "tcp/80"),
        admits("secure", "tcp/443"),
        admits("admin", "tcp/22", "tcp/443"),
    )
    signature = sign(pattern("tcp/80 tcp/443", "udp/53"), pods(), rules)
    assert caused(signature) == [([["web"]], []), ([["http"], ["secure", "admin"]], [])]
    assert signature.telling == (l4("tcp/22"),)
    assert not signature.told_apart  # `web` and `http` with `secure` admit the same


def test_of_rules_that_do_alike_the_tighter_is_named_first() -> None:
    """A rule for all ports says less of what was tried than one for a few."""
    rules = firewall(admits("low", "tcp/1-1023"), admits("http", "tcp/80"), admits("tcp", "tcp"))
    assert caused(sign(pattern("tcp/80", "udp/53"), pods(), rules)) == [([["http", "low", "tcp"]], [])]


def test_rules_that_are_about_the_ends_go_before_those_that_only_may_be() -> None:
    """Whether the machine behind a pod's address has a secure tag where it is an alias nobody knows: possible is not sure."""
    policy: Raw = {
        "name": "p",
        "type": "NETWORK",
        "rules": [
            {
                "priority": 1,
                "action": "allow",
                "direction": "INGRESS",
                "match": {"layer4Configs": [{"ipProtocol": "tcp", "ports": ["80"]}], "srcFqdns": ["example.com"]},
            }
        ],
    }
    possible = sign(pattern("tcp/80", "udp/53"), pods(), firewall(policies=[policy]))
    assert [len(cause.allows) for cause in possible.causes] == [1]
    both = sign(pattern("tcp/80", "udp/53"), pods(), firewall(admits("http", "tcp/80"), policies=[policy]))
    assert caused(both) == [([["http"]], [])]
    assert len(both.candidates) == 2


def test_a_rule_that_cannot_be_read_excludes_nothing_and_is_named_where_something_is_missing() -> None:
    """It may deny what is silent, and it may admit what no other rule does."""
    strange = admits("strange", "tcp", sourceFutures=["x"], priority=5)
    rules = firewall(strange, admits("tcp", "tcp"))
    assert sign(pattern("tcp/80", "tcp/81"), pods(), rules).excluded == ()
    signature = sign(pattern("tcp/80", "udp/53"), pods(), firewall(strange))
    assert (names(signature.unjudged), signature.told) == (["strange"], False)


def test_policies_that_nobody_knows_may_hide_a_rule() -> None:
    """Where the list of policies could not be read, a rule is not excluded, but told to be in doubt."""
    rules = firewall(admits("web", "tcp/80"), admits("all", "all"), effectiveFirewalls=None)
    signature = sign(pattern("tcp/80", "udp/53"), pods(), rules)
    assert (names(signature.excluded), names(signature.doubted)) == ([], ["all"])
    assert set(names(signature.unjudged)) == {"policies"}
    assert caused(signature) == [([["web"]], [])]


def test_goto_next_of_a_policy_hides_only_that_policys_rules() -> None:
    """The four that every policy ends with take nothing out of VPC rules."""
    everything: Raw = {"layer4Configs": [{"ipProtocol": "all"}], "srcIpRanges": ["0.0.0.0/0"]}
    rules = [
        {"priority": 10, "action": "goto_next", "direction": "INGRESS", "match": everything},
        {"priority": 20, "action": "allow", "direction": "INGRESS", "match": everything},
    ]
    read = firewall(
        admits("all", "all"), admits("http", "tcp/80"), policies=[{"name": "p", "type": "NETWORK", "rules": rules}]
    )
    signature = sign(pattern("tcp/80", "udp/53"), pods(), read)
    assert names(signature.excluded) == ["all"]


def test_an_allow_at_the_implied_denys_priority_is_never_excluded() -> None:
    """How the two tie nobody says."""
    assert sign(pattern("tcp/80", "udp/53"), pods(), firewall(admits("all", "all", priority=65535))).excluded == ()


def test_disabled_rules_explain_nothing() -> None:
    """A disabled rule is as if it did not exist."""
    signature = sign(pattern("tcp/80", "udp/53"), pods(), firewall(admits("http", "tcp/80", disabled=True)))
    assert (signature.causes, signature.excluded) == ((), ())


@pytest.mark.parametrize("flat", [pattern("icmp tcp/80", ""), pattern("", "icmp tcp/80")])
def test_where_all_or_nothing_crosses_no_rule_is_spoken_of(flat: Pattern) -> None:
    """The one needs no explanation, and the other has too many."""
    signature = sign(flat, pods(), story("before"))
    assert (signature.causes, signature.excluded, signature.told) == ((), (), not flat.silent)


def test_between_ipv6_addresses_ping_is_that_of_ipv6() -> None:
    """A rule for ICMP does not admit it, one for protocol 58 does."""
    rules = firewall(
        admits("four", "icmp", sourceRanges=["::/0"]),
        admits("six", "58", sourceRanges=["::/0"]),
        admits("four-only", "58"),
    )
    path = asked("fd00::1", "fd00::2", "icmp")
    signature = sign(pattern("icmp", "udp/53"), Ends(path.source, path.destination), rules)
    assert caused(signature) == [([["six"]], [])]


def test_a_search_that_was_given_up_says_so() -> None:
    """Some set is found then, and that a smaller one may do is said."""
    ports = range(1000, 1040)
    pairs = [admits(f"r{a}-{b}", f"tcp/{a}", f"tcp/{b}") for a in ports for b in ports if a < b]
    seen = pattern(" ".join(f"tcp/{port}" for port in ports), "udp/53")
    signature = sign(seen, pods(), firewall(*pairs))
    assert (signature.smallest, len(signature.causes)) == (False, 1)
    assert "(not all sets of rules were tried: a smaller one may do)" in pronounce(signature)
