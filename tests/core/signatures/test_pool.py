"""What all reports together show between two nodes: what counts, what is fresh, and what contradicts itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from pathcheck.core.signatures.pool import pool
from pathcheck.model.cluster import Backend
from pathcheck.model.probing import Assignment, Cadence, Dial, PathProbe, Result
from pathcheck.model.signature import Pattern
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.model.words import Manner, Observation
from tests.builders import POD_ADDRESSES, bound, kube_dns, l4, nodes, path_probe, pods, result, seconds

REACHED, REFUSED, REJECTED, SILENT = (
    Observation.REACHED,
    Observation.REFUSED,
    Observation.REJECTED,
    Observation.SILENT,
)
VIRTUAL = "10.27.240.10"
PROOFS = tuple(result(f"self {t}", REACHED, 0, 60) for t in ("icmp", "udp/53", "tcp/80"))


def dialled(manner: Manner, traffic: str, address: str) -> Dial:
    return Dial(ip_address(address), l4(traffic), manner, Cadence())


def echo(traffic: str, node: str = "node-1") -> Dial:
    return dialled(Manner.ECHO if "/" in traffic else Manner.PING, traffic, POD_ADDRESSES[node])


def seen(*results: tuple[Dial, Result]) -> Snapshot:
    """node-2 was told to make these dials, and reports these results; the others prove their targets up."""
    own = path_probe("node-2", *(r for _, r in results), time=60)
    services, backends = kube_dns()
    backends_up = [
        result(dialled(Manner.DNS, t, "10.24.9.31").id, REACHED, 0, 60) for t in ("udp/53", "udp/5353", "tcp/53")
    ]
    witness = path_probe("node-1", *PROOFS, *backends_up, time=60, listeners=bound("udp/53", "tcp/80"))
    probes: dict[str, PathProbe] = {
        "node-1": witness,
        "node-2": replace(own, assignment=Assignment("node-2", dials=tuple(dial for dial, _ in results))),
        "node-3": path_probe("node-3", *PROOFS, time=60, listeners=bound("udp/53", "tcp/80")),
    }
    return Snapshot(seconds(61), nodes(), services, backends, probes, pods(), {}, Unavailable("not read"))


def of(dial: Dial, observation: Observation, since: float = 0, at: float = 60) -> tuple[Dial, Result]:
    return dial, result(dial.id, observation, since, at)


def pooled(*results: tuple[Dial, Result], snapshot: Snapshot | None = None) -> dict[str, Pattern]:
    return pool(snapshot or seen(*results), "node-2", {"node-1", "node-3"})


def pattern(crossing: str = "", silent: str = "", mixed: str = "") -> Pattern:
    return Pattern(*(tuple(map(l4, texts.split())) for texts in (crossing, silent, mixed)))


def test_dials_of_all_manners_make_one_pattern() -> None:
    """Pings, listeners of probes, and a Service whose only backend is on the node."""
    found = pooled(
        of(echo("icmp"), REACHED),
        of(echo("tcp/80"), REACHED),
        of(dialled(Manner.DNS, "udp/53", VIRTUAL), SILENT, 5),
        of(echo("udp/53", "node-3"), SILENT, 5),
    )
    assert found == {"node-1": pattern("icmp tcp/80", "udp/53"), "node-3": pattern("", "udp/53")}


def test_only_the_nodes_asked_for() -> None:
    """Who asks of one pair does not pay for a thousand."""
    snapshot = seen(of(echo("icmp"), REACHED), of(echo("icmp", "node-3"), REACHED))
    assert pool(snapshot, "node-2", {"node-3"}) == {"node-3": pattern("icmp")}


def test_a_refusal_by_the_target_has_crossed() -> None:
    """A workload's own closed port; what is rejected on the way says nothing of a firewall that only drops."""
    query = dialled(Manner.DNS, "tcp/53", VIRTUAL)
    assert pooled(of(query, REFUSED, 5)) == {"node-1": pattern("tcp/53")}
    assert pooled(of(query, REJECTED, 5)) == {}


def test_a_service_is_told_of_by_the_port_behind_it() -> None:
    """What crosses the firewall is the backend's port."""
    snapshot = seen(of(dialled(Manner.DNS, "udp/53", VIRTUAL), REACHED))
    ((key, (backend,)),) = snapshot.backends.items()
    ports = tuple(replace(port, l4=l4("udp/5353")) for port in backend.ports if port.name == "dns")
    snapshot = replace(snapshot, backends={key: (replace(backend, ports=ports),)})
    assert pooled(snapshot=snapshot) == {"node-1": pattern("udp/5353")}


@pytest.mark.parametrize(
    "second",
    [
        {"address": ip_address("10.24.13.9"), "node": "node-3"},
        {"address": ip_address("10.24.12.9"), "node": "node-2"},
        {"address": ip_address("203.0.113.9"), "node": None},
    ],
)
def test_a_service_with_backends_in_several_places_tells_nothing(second: dict[str, object]) -> None:
    """Nobody knows which of them a query went to."""
    snapshot = seen(of(dialled(Manner.DNS, "udp/53", VIRTUAL), REACHED))
    ((key, (backend,)),) = snapshot.backends.items()
    other: Backend = replace(backend, **second)  # type: ignore[arg-type]
    assert pooled(snapshot=replace(snapshot, backends={key: (backend, other)})) == {}


@pytest.mark.parametrize("address", ["10.142.15.205", "10.24.12.9"])
def test_backends_that_are_no_pods_elsewhere_tell_nothing(address: str) -> None:
    """To a node's own address the sender's may be another; and what is on the dialler's node crosses nothing."""
    snapshot = seen(of(dialled(Manner.DNS, "udp/53", VIRTUAL), REACHED))
    ((key, (backend,)),) = snapshot.backends.items()
    node = "node-2" if address.startswith("10.24.12") else "node-1"
    moved = replace(backend, address=ip_address(address), node=node)
    assert pooled(snapshot=replace(snapshot, backends={key: (moved,)})) == {}


def test_silence_that_does_not_count_is_no_part_of_it() -> None:
    """Its target was not proven up since."""
    assert pooled(of(echo("icmp"), REACHED), of(echo("tcp/443"), SILENT, 5)) == {"node-1": pattern("icmp")}


def test_an_answer_from_before_the_silence_is_no_part_of_it() -> None:
    """The latest known ping began at 9 s, and since 10 s it may be as silent as the rest."""
    old = of(echo("icmp"), REACHED, 0, 9)
    assert pooled(old, of(echo("udp/53"), SILENT, 10)) == {"node-1": pattern("", "udp/53")}


def test_silence_from_before_an_answer_is_no_part_of_it() -> None:
    """A rule may have been added between them."""
    old = of(echo("udp/53"), SILENT, 5, 20)
    assert pooled(old, of(echo("tcp/80"), REACHED, 30)) == {"node-1": pattern("tcp/80")}


def test_what_does_both_is_set_apart() -> None:
    """The backend is silent and the probe's own listener is not: no rule for ports is behind that."""
    both = of(dialled(Manner.DNS, "udp/53", VIRTUAL), SILENT, 5), of(echo("udp/53"), REACHED)
    assert pooled(*both, of(echo("icmp"), REACHED)) == {"node-1": pattern("icmp", "", "udp/53")}


def test_a_node_without_a_probe_tells_nothing() -> None:
    """Neither does one whose pod has no address yet."""
    snapshot = seen(of(echo("icmp"), REACHED))
    assert pooled(snapshot=replace(snapshot, probes={})) == {}
    assert pooled(snapshot=replace(snapshot, pods=pods("node-1"))) == {}
