"""The table of very many flows says of each what `predict` says of it alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathcheck.core.rules.predict import decided, predict
from pathcheck.core.rules.tabulate import PREDICTIONS, tabulate
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Endpoint, Flow
from tests.builders import l4
from tests.recordings import NODE_TAG, Raw, asked, entry, firewall, machine, recording, rule

ENDS: list[Endpoint] = [
    asked(text, "10.24.9.31", "udp/53").source
    for text in (
        *(
            "10.24.12.40@node-2",
            "10.142.15.206@node-2",
            "10.24.9.31@node-1",
            "10.142.15.205@node-1",
            "10.24.13.7@node-3",
        ),
        *("203.0.113.9", "10.24.12.77", "fd20::1", "169.254.169.254", "192.168.0.5@gateway", "172.16.0.1@gateway"),
        *("10.24.12.40@nobody", "10.24.9.31@node-1"),
    )
]
L4S = [l4("udp/53"), l4("tcp/80"), l4("tcp"), l4("icmp")]
GATEWAY = machine("gateway", "10.142.15.210", extra=[{"network": "other", "networkIP": "192.168.0.5"}])

ranges = st.sampled_from(["0.0.0.0/0", "10.24.0.0/14", "10.24.12.0/24", "10.128.0.0/9", "10.24.12.40/32"])
l4s = st.sampled_from([entry("udp"), entry("udp", "53"), entry("tcp", "80", "443"), entry("all"), entry("icmp")])
directions = st.sampled_from(["INGRESS", "EGRESS"])


@st.composite
def rules(draw: st.DrawFn) -> Raw:
    """VPC rules that meet."""
    direction = draw(directions)
    fields: Raw = {"priority": draw(st.sampled_from([0, 1, 1, 2, 65535])), "direction": direction}
    fields["sourceRanges" if direction == "INGRESS" else "destinationRanges"] = [draw(ranges)]
    fields["targetTags"] = draw(st.sampled_from([None, [NODE_TAG], ["web"]]))
    if direction == "INGRESS" and draw(st.booleans()):
        fields |= {"sourceRanges": None, "sourceTags": [NODE_TAG]}
    if draw(st.integers(0, 9)) == 0:
        fields["unheardOf"] = 1
    name, network = f"r{draw(st.integers(0, 99))}", draw(st.sampled_from(["default", "default", "other"]))
    return rule(
        name,
        network,
        disabled=draw(st.booleans()),
        **{draw(st.sampled_from(["allowed", "denied"])): [draw(l4s)]},
        **fields,
    )


@st.composite
def policies(draw: st.DrawFn) -> Raw:
    """Of every kind, with all actions and now and then a domain name."""
    actions = st.sampled_from(["allow", "deny", "goto_next", "apply_security_profile_group"])
    found: list[dict[str, Any]] = []
    for priority in range(draw(st.integers(0, 4))):
        direction = draw(directions)
        side = "src" if direction == "INGRESS" else "dest"
        protocols = [
            {"ipProtocol": e["IPProtocol"], **({"ports": e["ports"]} if "ports" in e else {})} for e in [draw(l4s)]
        ]
        match: Raw = {f"{side}IpRanges": [draw(ranges)], "layer4Configs": protocols}
        if draw(st.integers(0, 4)) == 0:
            match[f"{side}Fqdns"] = ["example.com"]
        found.append({"priority": priority, "action": draw(actions), "direction": direction, "match": match})
    kind = draw(st.sampled_from(["HIERARCHY", "SYSTEM_REGIONAL", "NETWORK", "NETWORK_REGIONAL"]))
    return {"name": f"p{draw(st.integers(0, 99))}", "type": kind, "rules": found}


@st.composite
def firewalls(draw: st.DrawFn) -> Firewall:
    """The story's nodes and a machine in two networks."""
    order = draw(st.sampled_from(["BEFORE_CLASSIC_FIREWALL", "AFTER_CLASSIC_FIREWALL"]))
    named = draw(st.lists(policies(), max_size=3, unique_by=lambda p: str(p["name"])))
    machines = [*recording()["instances"], GATEWAY]
    own = draw(st.lists(rules(), max_size=8, unique_by=lambda r: str(r["name"])))
    return firewall(*own, policies=named, order=order, instances=machines)


@given(firewalls())
@settings(max_examples=25, deadline=None)
def test_every_cell_is_what_is_predicted_of_its_flow(fw: Firewall) -> None:
    """Classes, sides and the flows that are apart together leave nothing out."""
    table = tabulate(ENDS, ENDS, L4S, fw)
    expected = [[[predict(Flow(a, b, l4), fw).prediction for l4 in L4S] for b in ENDS] for a in ENDS]
    places = range(len(ENDS))
    assert [[[table.prediction(i, j, k) for k in range(len(L4S))] for j in places] for i in places] == expected
    spread = [[[PREDICTIONS[code] for code in row] for row in table.rows(k)] for k in range(len(L4S))]
    assert spread == [[[expected[i][j][k] for j in places] for i in places] for k in range(len(L4S))]


@given(firewalls())
@settings(max_examples=25, deadline=None)
def test_a_decision_is_a_prediction_without_its_reasons(fw: Firewall) -> None:
    """The same prediction, by the same deciders, whatever a flow is from and to."""
    for flow in (Flow(a, b, each) for a in ENDS for b in ENDS[::2] for each in L4S[::2]):
        found = decided(flow, fw)  # first: what is predicted is kept
        explanation = predict(flow, fw)
        assert found == (explanation.prediction, explanation.decided_by)


def test_endpoints_that_no_rule_tells_apart_are_one_class() -> None:
    """Two pods of a node, where rules speak of its range only."""
    pods = [asked(f"10.24.12.{i}@node-2", "10.24.9.31", "udp/53").source for i in range(1, 200)]
    table = tabulate(pods, ENDS[2:3], L4S, firewall(rule("a", sourceRanges=["10.24.12.0/24"])))
    assert (set(table.sources), len(table.cells[0])) == ({0}, 1)


@pytest.mark.parametrize(("sources", "destinations"), [(ENDS, []), ([], ENDS), ([], [])])
def test_where_one_side_has_nobody_there_are_rows_without_cells(
    sources: list[Endpoint], destinations: list[Endpoint]
) -> None:
    """A check may choose nodes that are gone: still one row for each source."""
    table = tabulate(sources, destinations, L4S, firewall(rule("a")))
    assert [list(table.rows(k)) for k in range(len(L4S))] == [[bytearray() for _ in sources] for _ in L4S]
