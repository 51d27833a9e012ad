"""The translation of rules to nftables: what each rule becomes, in which order, and for which interfaces."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.lab.cloud.interfaces import Interface, UnenforceableError, interface
from e2e.lab.cloud.nftables import script, script_on
from e2e.lab.cloud.store import seeded
from e2e.lab.cloud.validation import check_fields, stored
from e2e.lab.cloud.wanted import Wanted
from tests.lab.cloud.seeds import ACCOUNT, NODE_TAG, OTHER, PROJECT, STORY, entries, instance, recording, rule

STORE = seeded(recording())
WEB = instance("web", "10.142.0.2", tags={"items": ["web"]}, serviceAccounts=[{"email": ACCOUNT}])
DATA = instance("data", "10.142.0.3", tags={"items": ["data", NODE_TAG]})
FAR = instance("far", "10.200.0.9", network=OTHER, tags={"items": ["web"]})
INTERFACES = [interface(each, "v-") for each in (WEB, DATA, FAR)]


def wanted(*rules: Any) -> Wanted:
    return Wanted(PROJECT, [stored(check_fields(each), STORE) for each in rules], [])


def chain(name: str, *rules: Any, interfaces: list[Interface] | None = None) -> list[str]:
    """The lines of one side of us-east1 (`ingress`, `ingress/other`) for these rules, without the implied one at its end."""
    side, _, network = name.partition("/")
    text = script(wanted(*rules), INTERFACES if interfaces is None else interfaces)
    body = text.partition(f"  chain {side}/{network or 'default'}/us-east1 {{\n")[2].partition("\n  }")[0]
    *lines, implied = [line.strip() for line in body.splitlines()]
    assert "implied" in implied
    return lines


CASES = {
    "a rule without targets is for every instance of its network": (
        rule("x", "all"),
        ['meta nfproto ipv4 counter accept comment "firewall:x"'],
    ),
    "a rule of another network is for none of these": (rule("x", "all", network=OTHER), []),
    "target tags choose the instances that have one of them": (
        rule("x", "tcp:22", targetTags=["data", "nobody"]),
        ['oifname { "v-data" } meta nfproto ipv4 tcp dport { 22 } counter accept comment "firewall:x"'],
    ),
    "target service accounts choose the instances that run as one of them": (
        rule("x", "tcp:22", targetServiceAccounts=[ACCOUNT]),
        ['oifname { "v-web" } meta nfproto ipv4 tcp dport { 22 } counter accept comment "firewall:x"'],
    ),
    "targets that nobody has leave nothing": (rule("x", "tcp", targetTags=["nobody"]), []),
    "source tags are the primary addresses of instances in the same network": (
        rule("x", "udp", sourceTags=["web"]),
        ['ip saddr { 10.142.0.2/32 } meta l4proto { 17 } counter accept comment "firewall:x"'],
    ),
    "source service accounts are too, and ranges come in addition": (
        rule("x", "udp", sourceServiceAccounts=[ACCOUNT], sourceRanges=["10.24.0.0/14"]),
        ['ip saddr { 10.24.0.0/14, 10.142.0.2/32 } meta l4proto { 17 } counter accept comment "firewall:x"'],
    ),
    "source tags that nobody has leave nothing": (rule("x", "udp", sourceTags=["nobody"]), []),
    "destination ranges narrow an ingress rule": (
        rule("x", "esp", sourceRanges=["10.0.0.0/8"], destinationRanges=["10.24.9.0/24"]),
        ['ip saddr { 10.0.0.0/8 } ip daddr { 10.24.9.0/24 } meta l4proto { 50 } counter accept comment "firewall:x"'],
    ),
    "a deny rule drops": (
        rule("x", denied=entries("tcp:10255")),
        ['meta nfproto ipv4 tcp dport { 10255 } counter drop comment "firewall:x"'],
    ),
    "a disabled rule is not there": (rule("x", "tcp", disabled=True), []),
    "protocols without ports share a line, those with ports have their own": (
        rule("x", "icmp", "47", "tcp:80", "6:443", "udp:1000-2000", "sctp:9"),
        [
            'meta nfproto ipv4 meta l4proto { 1, 47 } counter accept comment "firewall:x"',
            'meta nfproto ipv4 tcp dport { 80, 443 } counter accept comment "firewall:x"',
            'meta nfproto ipv4 udp dport { 1000-2000 } counter accept comment "firewall:x"',
            'meta nfproto ipv4 sctp dport { 9 } counter accept comment "firewall:x"',
        ],
    ),
    "overlapping ports and ranges are merged, as nftables demands": (
        rule("x", "tcp:80-90,85-100,101", "tcp:22", sourceRanges=["10.0.0.0/8", "10.24.0.0/14", "10.24.0.1"]),
        ['ip saddr { 10.0.0.0/8 } tcp dport { 22, 80-101 } counter accept comment "firewall:x"'],
    ),
    "all ports are the whole protocol": (
        rule("x", "tcp:0-65535", "tcp:80"),
        ['meta nfproto ipv4 meta l4proto { 6 } counter accept comment "firewall:x"'],
    ),
    "IPv6 ranges match IPv6": (
        rule("x", "58", sourceRanges=["fd00::/8"]),
        ['ip6 saddr { fd00::/8 } meta l4proto { 58 } counter accept comment "firewall:x"'],
    ),
    "all of IPv6 is not IPv4": (
        rule("x", "all", sourceRanges=["::/0"]),
        ['meta nfproto ipv6 counter accept comment "firewall:x"'],
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_ingress(sentence: str) -> None:
    """Each kind of ingress rule becomes exactly these lines."""
    given, lines = CASES[sentence]
    assert chain("ingress", given) == lines
    assert chain("egress", given) == []


def test_another_network() -> None:
    """A rule of another network is asked for that network's instances."""
    assert chain("ingress/other", rule("x", "all", network=OTHER)) == [
        'meta nfproto ipv4 counter accept comment "firewall:x"'
    ]


def test_egress() -> None:
    """An egress rule is about packets from its targets to its destinations, and from its sources if it has some."""
    given = rule("x", denied=entries("tcp:25"), direction="EGRESS", sourceRanges=["10.24.0.0/14"], targetTags=["web"])
    assert chain("egress", given) == [
        'iifname { "v-web" } ip saddr { 10.24.0.0/14 } tcp dport { 25 } counter drop comment "firewall:x"'
    ]
    assert chain("ingress", given) == []


def test_order() -> None:
    """Rules stand in the order of their priorities, deny before allow where these are equal."""
    rules = [
        rule("late", "tcp", priority=65534),
        rule("allow", "tcp", priority=900),
        rule("zz-deny", denied=entries("tcp"), priority=900),
        rule("first", "tcp", priority=0),
    ]
    names = [line.split('"')[-2] for line in chain("ingress", *rules)]
    assert names == ["firewall:first", "firewall:zz-deny", "firewall:allow", "firewall:late"]


def test_primary_addresses_of_both_families() -> None:
    """A source tag means an instance's primary IPv4 address and its whole primary IPv6 range, not its alias ranges."""
    dual = instance("dual", "10.142.0.9", tags={"items": ["dual"]})
    dual["networkInterfaces"][0] |= {"ipv6Address": "fd20::9", "aliasIpRanges": [{"ipCidrRange": "10.24.9.0/24"}]}

    def sources() -> list[str]:
        lines = chain("ingress", rule("x", "tcp", sourceTags=["dual"]), interfaces=[interface(dual, "v-")])
        return [line.partition(" meta")[0] for line in lines]

    assert sources() == ["ip saddr { 10.142.0.9/32 }", "ip6 saddr { fd20::/96 }"]
    dual["networkInterfaces"][0]["internalIpv6PrefixLength"] = 128
    assert sources() == ["ip saddr { 10.142.0.9/32 }", "ip6 saddr { fd20::9/128 }"]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), min_size=1))
def test_ports_are_kept(intervals: list[tuple[int, int]]) -> None:
    """However ranges of ports overlap, the line covers exactly these ports, in elements that do not touch."""
    ports = [f"{low}-{low + more}" for low, more in intervals]
    [line] = chain("ingress", rule("x", allowed=[{"IPProtocol": "tcp", "ports": ports}]))
    printed = line.partition("tcp dport { ")[2].partition(" }")[0].split(", ")
    pairs = [(int(low), int(high or low)) for low, _, high in (element.partition("-") for element in printed)]
    assert {port for low, high in pairs for port in range(low, high + 1)} == {
        port for low, more in intervals for port in range(low, low + more + 1)
    }
    assert all(before[1] + 1 < after[0] for before, after in pairwise(pairs))


def test_whole_script() -> None:
    """The story's rules make this script: one transaction, replies first, each side its chain, implied rules last."""
    nodes = [interface(instance(name, address), "v-") for name, address in (("node-1", "10.142.15.205"),)]
    assert (
        script(wanted(*STORY), nodes)
        == """\
table inet vpc
delete table inet vpc
table inet vpc {
  chain egress/default/us-east1 {
    counter accept comment "implied-allow-egress"
  }
  chain egress {
    type filter hook forward priority filter - 1; policy accept;
    ct state related accept
    ct state established ct direction reply accept
    ip daddr 169.254.169.254 accept
    ip6 daddr fd20:ce::254 accept
    iifname { "v-node-1" } goto egress/default/us-east1
  }
  chain ingress/default/us-east1 {
    meta nfproto ipv4 tcp dport { 80, 443 } counter accept comment "firewall:akrobateo-fw-traefik"
    ip saddr { 10.24.0.0/14 } meta l4proto { 1, 6, 17, 50, 51, 132 } counter accept comment "firewall:gke-august-period-234610-all"
    meta nfproto ipv4 meta l4proto { 1 } counter accept comment "firewall:default-allow-icmp"
    ip saddr { 10.128.0.0/9 } meta l4proto { 1, 6, 17 } counter accept comment "firewall:default-allow-internal"
    meta nfproto ipv4 tcp dport { 3389 } counter accept comment "firewall:default-allow-rdp"
    meta nfproto ipv4 tcp dport { 22 } counter accept comment "firewall:default-allow-ssh"
    counter drop comment "implied-deny-ingress"
  }
  chain ingress {
    type filter hook forward priority filter; policy accept;
    ct state related accept
    ct state established ct direction reply accept
    ip daddr 169.254.169.254 accept
    ip6 daddr fd20:ce::254 accept
    oifname { "v-node-1" } goto ingress/default/us-east1
  }
}
"""
    )


def test_without_instances() -> None:
    """Where nobody has rules, everything passes."""
    assert "goto" not in script(wanted(*STORY), [])


UNENFORCEABLE = {
    "only one can be enforced": instance("two-nics", "10.0.0.1") | {"networkInterfaces": [{}, {}]},
    "longer than 15 characters": instance("a-very-long-name", "10.0.0.1"),
}


@pytest.mark.parametrize("reason", UNENFORCEABLE)
def test_unenforceable(reason: str) -> None:
    """An instance that has no single interface here is refused, not left out."""
    with pytest.raises(UnenforceableError, match=reason):
        interface(UNENFORCEABLE[reason], "v-")


def test_an_instance_alone_has_its_own_rules_at_its_own_interface() -> None:
    """Rules for others are not there, sources by tag are still looked up among all, and no interface is named but its way out."""
    web = interface(WEB, "")
    rules = wanted(
        rule("web", "tcp:80", targetTags=["web"], sourceTags=["data"]), rule("data", "udp", targetTags=["data"])
    )
    own = replace(web, name="eth0")
    lines = [line.strip() for line in script_on(own, rules, INTERFACES).splitlines()]
    assert [line for line in lines if "comment" in line] == [
        'counter accept comment "implied-allow-egress"',
        'ip saddr { 10.142.0.3/32 } tcp dport { 80 } counter accept comment "firewall:web"',
        'counter drop comment "implied-deny-ingress"',
    ]
    assert [line for line in lines if "eth0" in line] == [
        'oifname { "eth0" } goto egress/default/us-east1',
        'iifname { "eth0" } goto ingress/default/us-east1',
    ]
