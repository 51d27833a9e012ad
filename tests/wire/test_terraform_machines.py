"""Machines, routes and networks in a plan.

The plans are hand-written, as tests/terraform.py says.
"""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.wire.terraform_plan import changed
from tests.recordings import NODE_ACCOUNT, NODE_TAG, PROJECT, Raw, recording, rule
from tests.terraform import change, decided, plan, reference, told, written

KIND = "google_compute_instance"
IT = f"{KIND}.it"
API = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
TO_TAG = rule("dns", targetTags=[NODE_TAG])
DENIED, ALLOWED = ("implied-deny-ingress",), ("firewall:dns",)
NIC: Raw = {"network": f"{API}/global/networks/default", "network_ip": "10.142.15.205", "alias_ip_range": []}


def instance(name: str = "node-1", **changes: Any) -> Raw:
    """As the provider keeps the machine that is recorded."""
    values: Raw = {
        "name": name,
        "project": PROJECT,
        "zone": "us-east1-b",
        "tags": [NODE_TAG],
        "can_ip_forward": True,
        "service_account": [{"email": NODE_ACCOUNT, "scopes": ["cloud-platform"]}],
        "network_interface": [NIC],
    }
    return values | changes


@pytest.mark.parametrize(
    ("entry", "decider"),
    [
        (change(IT, "update", instance(), instance(tags=[])), DENIED),
        (change(IT, "update", instance(), instance(tags=None)), DENIED),
        (change(IT, "update", instance(), instance(machine_type="large")), ALLOWED),
        (change(IT, "delete create", instance(), instance(machine_type="other")), ALLOWED),
        (change(IT, "create delete", instance(), instance(tags=["x"])), DENIED),
        (change(IT, "forget", instance()), ALLOWED),
        (change(IT, "delete", instance()), ("undecided:instance:node-1",)),
        (change(IT, "delete", instance(zone="us-east1-c")), ALLOWED),
        (change(IT, "update", instance(project="elsewhere"), instance(project="elsewhere", tags=[])), ALLOWED),
        (change(IT, "update", instance(zone=f"{API}/zones/us-east1-b"), instance(tags=[])), DENIED),
    ],
)
def test_a_machine(entry: Raw, decider: tuple[str, ...]) -> None:
    """The rule for its tag is about it as long as it has it; a machine of another zone or project is another."""
    assert (decided(recording(TO_TAG), plan(entry)), told(recording(TO_TAG), plan(entry))) == (decider, ())


def test_accounts_and_forwarding_and_whether_it_runs() -> None:
    """All that the recording has of it."""
    now = instance(service_account=[{"email": "other@x"}], can_ip_forward=False, desired_status="TERMINATED")
    after, untold = changed(recording(), plan(change(IT, "update", instance(), now)))
    machine = after["instances"][0]
    found = (machine["serviceAccounts"], machine["canIpForward"], machine["status"], untold)
    assert found == ([{"email": "other@x"}], False, "TERMINATED", ())


def interfaces(now: Raw, unknown: Raw | None = None, actions: str = "update") -> tuple[Raw, tuple[str, ...]]:
    """What becomes of the interface."""
    entry = change(IT, actions, instance(), instance(network_interface=[now]), {"network_interface": [unknown or {}]})
    after, untold = changed(recording(subnetworks=SUBNETWORKS), plan(entry))
    return after["instances"][0]["networkInterfaces"][0], untold


OTHER = f"{API}/global/networks/other"
SUBNETWORKS = [{"selfLink": f"{API}/regions/us-east1/subnetworks/low", "network": OTHER}]
NIC0: Raw = {"name": "nic0", "network": f"{API}/global/networks/default", "networkIP": "10.142.15.205"}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NIC | {"network": "default"}, NIC0),
        (NIC | {"access_config": [{"nat_ip": "203.0.113.1"}]}, NIC0),
        (NIC | {"alias_ip_range": [{"ip_cidr_range": "10.24.9.0/24"}]}, NIC0 | {"aliasIpRanges": [{"ipCidrRange": "10.24.9.0/24"}]}),
        (NIC | {"network_ip": "10.142.15.9"}, NIC0 | {"networkIP": "10.142.15.9"}),
        (NIC | {"network": OTHER}, NIC0 | {"network": OTHER}),
        (NIC | {"network": None, "subnetwork": "low"}, NIC0 | {"network": OTHER, "subnetwork": "low"}),
        (NIC | {"network": None}, NIC0),
    ],
    ids=["by name", "outside", "alias", "address", "network", "subnetwork", "unsaid"],
)  # fmt: skip
def test_an_interface(now: Raw, expected: Raw) -> None:
    """Its network, address and alias ranges; a network that is not said follows from the subnetwork, or stays."""
    assert interfaces(now) == (expected, ())


@pytest.mark.parametrize(
    ("now", "unknown"),
    [
        ({**NIC, "network_ip": None}, {"network_ip": True}),
        ({**NIC, "alias_ip_range": [{"ip_cidr_range": "/24"}]}, {}),
        ({**NIC, "alias_ip_range": None}, {"alias_ip_range": True}),
        ({**NIC, "network": None, "subnetwork": "unheard-of"}, {}),
    ],
    ids=["address", "alias of a length", "alias", "subnetwork"],
)
def test_an_interface_that_is_not_known(now: Raw, unknown: Raw) -> None:
    """What the cloud chooses: nobody can tell what the machine sends and receives."""
    why = "network_interface is known after apply, so what this machine sends and receives is not known"
    assert interfaces(now, unknown, "delete create")[1] == (f"{IT}: {why}",)
    entry = change(IT, "delete create", instance(), instance(network_interface=[now]), {"network_interface": [unknown]})
    assert decided(recording(TO_TAG), plan(entry)) == ("undecided:instance:node-1",)


def test_an_interface_more() -> None:
    """It comes beside those that are recorded."""
    more = {"network": OTHER, "network_ip": "10.9.0.1"}
    entry = change(IT, "delete create", instance(), instance(network_interface=[NIC, more]))
    after, _ = changed(recording(), plan(entry))
    assert after["instances"][0]["networkInterfaces"] == [
        NIC0,
        {"name": "nic1", "network": OTHER, "networkIP": "10.9.0.1"},
    ]


@pytest.mark.parametrize("key", ["tags", "service_account", "can_ip_forward"])
def test_values_that_are_not_known(key: str) -> None:
    """The machine cannot be judged, and it is said why."""
    values = {k: v for k, v in instance().items() if k != key}
    root = {"resources": [written(IT, **instance())]}
    planned = plan(change(IT, "update", instance(), values, {key: True}), root=root)
    why = f"{key} is known after apply, so what this machine sends and receives is not known"
    assert told(recording(), planned) == (f"{IT}: {why}",)
    assert decided(recording(TO_TAG), planned) == ("undecided:instance:node-1",)


@pytest.mark.parametrize(
    "entries",
    [
        [change(IT, "create", None, instance("node-4"))],
        [change(IT, "delete create", instance(), instance("node-4"))],
        [change(IT, "delete create", instance(), instance(zone="us-east1-d"))],
    ],
)
def test_a_new_machine(entries: list[Raw]) -> None:
    """The recording does not have it, whatever it takes the place of."""
    why = "is a machine that the recording does not have; record it once it exists"
    assert told(recording(), plan(*entries)) == (f"{IT}: {why}",)


def test_a_machine_under_another_address() -> None:
    """Deleted here and created there, of one name: it is changed."""
    entries = [
        change(f"{KIND}.a", "create", None, instance(tags=["x"])),
        change(f"{KIND}.b", "delete", instance()),
    ]
    for ordered in (entries, entries[::-1]):
        assert decided(recording(TO_TAG), plan(*ordered)) == DENIED


def test_secure_tags_of_a_machine_that_is_replaced() -> None:
    """They are bound to the machine, not to its name: nobody knows those of the new one."""
    before = recording(secureTagBindings={"node-1": ["tagValues/1"], "node-2": ["tagValues/1"]})
    after, _ = changed(before, plan(change(IT, "delete create", instance(), instance())))
    assert after["secureTagBindings"] == {"node-1": None, "node-2": ["tagValues/1"]}
    after, _ = changed(before, plan(change(IT, "update", instance(), instance())))
    assert after["secureTagBindings"] == before["secureTagBindings"]


ROUTE = "google_compute_route"


def route(name: str = "to-node-1", **changes: Any) -> Raw:
    """As the provider keeps the route to the pods of node-1."""
    values: Raw = {
        "name": name,
        "project": PROJECT,
        "network": "default",
        "dest_range": "10.24.9.0/24",
        "priority": 1000,
        "tags": None,
        "next_hop_instance": f"{API}/zones/us-east1-b/instances/node-1",
        "next_hop_instance_zone": "us-east1-b",
        "next_hop_ip": "",
        "next_hop_network": f"{API}/global/networks/default",
    }
    return values | changes


def routed(*entries: Raw, **more: Any) -> list[Raw]:
    """The routes that are not as they were."""
    before = recording()
    return [r for r in changed(before, plan(*entries, **more))[0]["routes"] if r not in before["routes"]]


NEW_ROUTE: Raw = {
    "name": "to-node-1",
    "network": f"projects/{PROJECT}/global/networks/default",
    "destRange": "10.24.9.0/24",
    "priority": 1000,
    "nextHopInstance": f"{API}/zones/us-east1-b/instances/node-1",
}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (change(f"{ROUTE}.it", "create", None, route("new")), [NEW_ROUTE | {"name": "new"}]),
        (change(f"{ROUTE}.it", "delete create", route(), route(priority=9)), [NEW_ROUTE | {"priority": 9}]),
        (change(f"{ROUTE}.it", "create delete", route(), route(dest_range="10.0.0.0/8")), [NEW_ROUTE | {"destRange": "10.0.0.0/8"}]),
        (change(f"{ROUTE}.it", "no-op", route(), route()), []),
        (change(f"{ROUTE}.it", "create", None, route(project="elsewhere")), []),
        (
            change(f"{ROUTE}.it", "create", None, route("new", next_hop_instance="node-2")),
            [NEW_ROUTE | {"name": "new", "nextHopInstance": "zones/us-east1-b/instances/node-2"}],
        ),
    ],
)  # fmt: skip
def test_a_route(entry: Raw, expected: list[Raw]) -> None:
    """It comes as the API would show it; one that is replaced is there once."""
    assert (routed(entry), told(recording(), plan(entry))) == (expected, ())
    names = [r["name"] for r in changed(recording(), plan(entry))[0]["routes"]]
    assert len(names) == len(set(names))


def test_a_route_is_deleted() -> None:
    """It is gone; a namesake of another project stays."""
    for project, names in (
        (PROJECT, ["to-node-2", "to-node-3"]),
        ("elsewhere", ["to-node-1", "to-node-2", "to-node-3"]),
    ):
        after, untold = changed(recording(), plan(change(f"{ROUTE}.it", "delete", route(project=project))))
        assert ([r["name"] for r in after["routes"]], untold) == (names, ())


def test_a_route_to_what_is_not_known() -> None:
    """The recorded one stays and that is said, unless the configuration says to which machine it leads."""
    values = {k: v for k, v in route().items() if k not in ("next_hop_instance", "next_hop_ip")}
    entry = change(f"{ROUTE}.it", "delete create", route(), values, {"next_hop_instance": True, "next_hop_ip": True})
    machine = change(IT, "delete create", instance(), instance(), {"self_link": True})
    why = "nextHopInstance is known after apply, so where this route leads is not known"
    for expression, untold, routes in (
        (reference("local.hop"), (f"{ROUTE}.it: {why}",), []),
        (reference(f"{IT}.self_link"), (), [NEW_ROUTE | {"nextHopInstance": "zones/us-east1-b/instances/node-1"}]),
    ):
        root = {"resources": [written(f"{ROUTE}.it", **values, next_hop_instance=expression)]}
        assert told(recording(), plan(machine, entry, root=root)) == untold
        assert routed(machine, entry, root=root) == routes


def test_without_routes() -> None:
    """A recording that has none stays without."""
    before = {key: value for key, value in recording().items() if key != "routes"}
    assert changed(before, plan(change(f"{ROUTE}.it", "create", None, route()))) == (before, ())


ORDER = "network_firewall_policy_enforcement_order"


@pytest.mark.parametrize(
    ("network", "before_classic"),
    [
        ({"name": "default", ORDER: "BEFORE_CLASSIC_FIREWALL"}, "BEFORE_CLASSIC_FIREWALL"),
        ({"name": "default"}, "AFTER_CLASSIC_FIREWALL"),
        ({"name": "other", ORDER: "BEFORE_CLASSIC_FIREWALL"}, "AFTER_CLASSIC_FIREWALL"),
        ({"name": "default", "project": "x", ORDER: "BEFORE_CLASSIC_FIREWALL"}, "AFTER_CLASSIC_FIREWALL"),
    ],
)
def test_a_network(network: Raw, before_classic: str) -> None:
    """When its policies are asked; another network, and one of another project, is another."""
    after, untold = changed(
        recording(), plan(change("google_compute_network.n", "update", {"name": "default"}, network))
    )
    assert (after["networks"][0]["networkFirewallPolicyEnforcementOrder"], untold) == (before_classic, ())


def test_an_order_that_is_not_known() -> None:
    """Policies may then be asked before its VPC rules or after."""
    entry = change("google_compute_network.n", "update", {"name": "default"}, {"name": "default"}, {ORDER: True})
    root = {"resources": [written("google_compute_network.n", name="default", **{ORDER: reference("local.order")})]}
    why = f"{ORDER} is known after apply, so whether policies are asked before its VPC rules is not known"
    assert told(recording(), plan(entry, root=root)) == (f"google_compute_network.n: {why}",)
    goto = {
        "priority": 1,
        "action": "deny",
        "direction": "INGRESS",
        "match": {"layer4Configs": [{"ipProtocol": "all"}]},
    }
    guard = {"name": "guard", "type": "NETWORK", "rules": [goto]}
    assert decided(recording(TO_TAG, policies=[guard]), plan(entry, root=root)) == ("undecided:policy:guard/1",)
