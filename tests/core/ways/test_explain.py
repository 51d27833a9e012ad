"""core/ways/explain.py: several backends, several things that may be on the wire, one explanation."""

from __future__ import annotations

from pathcheck.core.ways.explain import explain
from pathcheck.model.datapath import Way
from pathcheck.model.firewall import Explanation
from pathcheck.model.flows import Flow
from pathcheck.model.plans import Asked
from pathcheck.model.words import Prediction, Reason
from tests.recordings import asked as one
from tests.recordings import firewall, rule

POD = one("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53")
OTHER = one("10.24.12.40@node-2", "10.24.13.5@node-3", "udp/53")
NODE = one("10.142.15.206@node-2", "10.142.15.205@node-1", "udp/8472")
OPEN, SHUT = firewall(rule("a")), firewall()
PODS_ONLY = firewall(rule("pods", sourceRanges=["10.24.0.0/14"]))


def to(*flows: Flow, ways: tuple[Way, ...] = ()) -> Asked:
    """A question about these."""
    return Asked(POD, flows, "node-2", None, ways=ways)


def test_in_doubt() -> None:
    """If the firewall says the same of all that may be on the wire, the doubt is no matter; else it is the reason."""
    way = Way((NODE, POD), "nobody knows whether VXLAN is used")
    assert explain(to(NODE, ways=(way,)), OPEN, ()).prediction is Prediction.PERMITTED
    assert explain(to(NODE, ways=(way,)), SHUT, ()).prediction is Prediction.BLOCKED
    assert explain(to(NODE, ways=(way,)), PODS_ONLY, ()) == Explanation(
        Prediction.UNDETERMINED,
        ("undecided:datapath",),
        "nobody knows whether VXLAN is used, and it matters: udp/8472 from 10.142.15.206 blocked and "
        "udp/53 from 10.24.12.40 permitted",
    )


def test_not_known() -> None:
    """Where it is not known what is on the wire, nothing is predicted, also if another backend's way is known."""
    expected = Explanation(Prediction.UNDETERMINED, ("undecided:datapath",), "the mesh is woven")
    assert explain(to(POD, ways=(Way((POD,)), Way((), "the mesh is woven"))), OPEN, ()) == expected


def test_nothing_to_ask() -> None:
    """A Service without backends, for one."""
    assert explain(to(), OPEN, ()) == Explanation(Prediction.UNDETERMINED, why="an end of the path has no address yet")


def test_a_service_is_silent_by_its_routes_only_if_no_backend_has_one() -> None:
    """With one backend that can be reached the virtual address would answer now and then."""
    routes = [
        {"name": f"r{n}", "network": "default", "destRange": f"10.24.{n}.0/24", "nextHopIp": f"10.142.15.{ip}"}
        for n, ip in ((12, 206), (13, 207))
    ]
    read = firewall(rule("a"), routes=routes)
    assert [o.reason for o in explain(to(POD), read, ()).obstacles] == [Reason.NO_ROUTE_TO_POD_RANGE]
    assert explain(to(POD, OTHER), read, ()).obstacles == ()
    none = firewall(rule("a"), routes=routes[:1])
    assert [o.name for o in explain(to(POD, OTHER), none, ()).obstacles] == ["route:missing:10.24.9.31/32"]
