"""Names → numbered words of their kind (`rule-07`) that sort as the names do.

Where rules tie, and among policies of one association priority, the order goes by name. So the numbers are those of the names'
order, and what stays as it is, being Google's own, keeps its place among the words: `a-rule-01` stands before `default-allow-ssh` because
the name that it is for did.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping

# What every project has or may have, by kind of name. The rules: https://cloud.google.com/firewall/docs/firewalls#more_rules_default_vpc
# and the two that the console adds with its tags; the lists: https://cloud.google.com/firewall/docs/threat-intelligence-overview and
# https://cloud.google.com/armor/docs/threat-intelligence.
STAY: Mapping[str, frozenset[str]] = {
    "rule": frozenset(
        f"default-allow-{what}"
        for what in ("internal", "ssh", "rdp", "icmp", "http", "https", "health-check", "health-check-ipv6")
    ),
    "network": frozenset(["default"]),
    "subnetwork": frozenset(["default"]),
    "tag": frozenset(["http-server", "https-server", "lb-health-check"]),
    "gateway": frozenset(["default-internet-gateway"]),
    "threat-list": frozenset(
        f"iplist-{what}"
        for what in (
            "tor-exit-nodes",
            "known-malicious-ips",
            "search-engines-crawlers",
            "vpn-providers",
            "anon-proxies",
            "crypto-miners",
            "public-clouds",
            "public-clouds-aws",
            "public-clouds-azure",
            "public-clouds-gcp",
            "public-clouds-google-services",
        )
    ),
}
# What the names that GKE makes tell beside whose they are (https://cloud.google.com/kubernetes-engine/docs/concepts/firewall-rules), and
# Compute Engine's default account. A word that has such an ending already tells the same again.
_TELLING: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "rule": (
        (re.compile(r"(?:^|-)gke-(?:.+-)?(all|vms|inkubelet|exkubelet|master|ssh|mcsd)$"), r"-gke-\1"),
        (re.compile(r"(?:^|-)(k8s-fw-l7)(?:-.*)?$"), r"-\1"),
        (re.compile(r"(?:^|-)(k8s-fw)(?:-.*)?$"), r"-\1"),
        (re.compile(r"(?:^|-)k8s-(?:.+?-)?(node-http-hc|http-hc|node-hc)$"), r"-k8s-\1"),
        (re.compile(r"(?:^|-)(k8s2|gkegw1-l7|gkemcg1-l7)(?:-.*)?$"), r"-\1"),
    ),
    "tag": ((re.compile(r"(?:^|-)gke-(?:.+-)?node$"), "-gke-node"),),
    "account": (
        (re.compile(r"^[0-9]+-compute@developer\.gserviceaccount\.com$|-default-compute$"), "-default-compute"),
    ),
}


def numbered(kind: str, names: Iterable[str]) -> dict[str, str]:
    """A word for each of all names of a kind; of kind `number` they are numbers again.

    What cannot be printed is no name and must not become one: it stands before all others, and still cannot be printed.
    """
    ordered = sorted(set(names), key=lambda name: (name.isprintable(), name))
    staying = [name for name in ordered if name in STAY.get(kind, ())]
    width = len(str(len(ordered)))
    found: dict[str, str] = {}
    for number, name in enumerate(ordered, start=1):
        if name in staying:
            found[name] = name
            continue
        at = bisect_right(staying, name) if name.isprintable() else 0
        stem = "" if kind == "number" else f"{_stem(kind, staying[:at], staying[at:])}-"
        word = f"{stem}{number:0{width}}{_told_by(kind, name)}"
        found[name] = word if name.isprintable() else f"\t{word}"
    return found


def _stem(kind: str, before: list[str], after: list[str]) -> str:
    """What words begin with that stand behind the last of the names before, and before the first of those after."""
    low = before[-1] if before else ""
    high = after[0] if after else ""
    stems = (kind, f"a-{kind}", f"{low}-{kind}", f"{low}-a-{kind}")
    return next(s for s in stems if low < s and (not high or (s < high and not high.startswith(s))))


def _told_by(kind: str, name: str) -> str:
    for pattern, ending in _TELLING.get(kind, ()):
        if match := pattern.search(name):
            return match.expand(ending)
    return ""
