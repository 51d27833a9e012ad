"""How signatures are said."""

from __future__ import annotations

import pytest

from pathcheck.core.signatures.pronounce import between, pronounce
from pathcheck.core.signatures.signature import sign
from pathcheck.model.firewall import Firewall
from pathcheck.model.signature import Ends, Pattern
from tests.builders import flow, l4
from tests.patterns import NOBODY, OBSERVED, admits, denies, pattern, pods, story
from tests.recordings import firewall


def said(seen: Pattern, rules: Firewall | None, path: Ends | None = None) -> str:
    return pronounce(sign(seen, pods() if path is None else path, rules))


@pytest.mark.parametrize(
    ("seen", "rules", "path", "sentence"),
    [
        (
            OBSERVED,
            story("before"),
            None,
            "only icmp, tcp/80, tcp/443 cross: exactly what akrobateo-fw-traefik and default-allow-icmp admit; "
            "gke-august-period-234610-all is not in force: it would admit tcp/53, udp/53 as well",
        ),
        (
            OBSERVED,
            story("outage"),
            None,
            "only icmp, tcp/80, tcp/443 cross: exactly what akrobateo-fw-traefik and default-allow-icmp admit; "
            "no rule for the pod range is in force",
        ),
        (
            OBSERVED,
            story("before"),
            NOBODY,
            "only icmp, tcp/80, tcp/443 cross: exactly what akrobateo-fw-traefik and default-allow-icmp admit; "
            "gke-august-period-234610-all and default-allow-internal are not in force for it",
        ),
        (
            OBSERVED,
            None,
            Ends(flow("node-2", "node-1").source),
            "only icmp, tcp/80, tcp/443 cross: exactly what default-allow-icmp and k8s-fw-… would admit, "
            "or what default-allow-http, default-allow-https and default-allow-icmp would admit; "
            "no rule for the pod range, such as gke-…-all, is in force; "
            "these are rules that everybody has: the project's own are not known",
        ),
        (
            pattern("tcp/80", "udp/53"),
            firewall(admits("all", "tcp", "udp"), denies("no-dns", "udp/53")),
            None,
            "everything that was tried but udp/53 crosses: exactly what all admits, but for what no-dns denies",
        ),
        (
            pattern("tcp/80 icmp", "udp/53"),
            firewall(admits("all", "tcp", "udp"), admits("ping", "icmp"), admits("dns", "udp/53")),
            None,
            "only icmp, tcp/80 cross: but for tcp/80 exactly what ping admits; no known rule admits tcp/80 but all, which would admit "
            "udp/53 as well: a rule is not known, or something else keeps udp/53 out; "
            "dns is not in force: it would admit udp/53 as well",
        ),
        (
            pattern("tcp/80", "udp/53"),
            firewall(admits("strange", "tcp", sourceFutures=["x"])),
            None,
            "only tcp/80 crosses; no known rule admits tcp/80; firewall rule strange may, but cannot be judged; "
            "no rule for the pod range is in force",
        ),
        (
            pattern("tcp/80", "udp/53"),
            firewall(*(admits(f"http-{n}", "tcp/80", *(f"tcp/{8000 + m}" for m in range(n))) for n in range(5))),
            None,
            "only tcp/80 crosses: exactly what http-0 (or http-1, http-2, 2 more) admits; no rule for the pod range is in force; "
            "tcp/8001, tcp/8002 and tcp/8000 would tell some of them apart",
        ),
        (
            OBSERVED,
            firewall(
                admits("strange", "tcp", "udp", sourceFutures=["x"]), admits("all", "all"), admits("ping", "icmp")
            ),
            None,
            "only icmp, tcp/80, tcp/443 cross: but for tcp/80, tcp/443 exactly what ping admits; no known rule admits tcp/80, tcp/443; "
            "firewall rule strange may, but cannot be judged; "
            "all would admit tcp/53, udp/53 as well: it is not in force, unless firewall rule strange denies that",
        ),
        (
            pattern("icmp", ""),
            None,
            None,
            "everything that was tried crosses (icmp): nothing is to be explained",
        ),
        (
            pattern("", "icmp udp/53"),
            None,
            None,
            "nothing that was tried crosses (icmp, udp/53): no allow rule is about it, or a deny, the route or the node is in the way",
        ),
        (
            Pattern((l4("icmp"),), (l4("tcp/80"),), (l4("udp/53"),)),
            firewall(admits("ping", "icmp")),
            None,
            "only icmp crosses: exactly what ping admits; udp/53 crosses and is silent as well: left out; "
            "no rule for the pod range is in force",
        ),
    ],
)
def test_one_sentence(seen: Pattern, rules: Firewall | None, path: Ends | None, sentence: str) -> None:
    """What crosses, what explains it, what is not in force, what else to try."""
    assert said(seen, rules, path) == sentence


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        ([("a", "b")], "from a to b"),
        ([("a", "b"), ("b", "a")], "on a → b, b → a"),
        ([("a", "b")] * 4, "on 4 paths, such as a → b"),
    ],
)
def test_between_which_nodes(paths: list[tuple[str, str]], text: str) -> None:
    """A few by name, many by number."""
    assert between(paths) == text
