"""shell/pod_network.py, on a cluster in memory."""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.model.datapath import Datapath, Kind, Shown
from pathcheck.shell.pod_network import PodNetwork, chosen
from pathcheck.shell.ports import CONFIG_MAPS, DAEMON_SETS, IP_POOLS, ClusterError, Forbidden, Unreachable
from pathcheck.shell.settings import settings_of
from tests.fakes import FakeCluster

CONFIG = {"net-conf.json": '{"Backend": {"Type": "vxlan"}}'}


def named(name: str, namespace: str = "kube-flannel", **more: Any) -> dict[str, Any]:
    """Any object."""
    return {"metadata": {"name": name, "namespace": namespace}, **more}


def pod_network(cluster: FakeCluster, datapath: str = "auto") -> PodNetwork:
    """With this setting."""
    return PodNetwork(settings_of({"PATHCHECK_PROBE_IMAGE": "i", "PATHCHECK_DATAPATH": datapath}), cluster)


async def test_looks() -> None:
    """DaemonSets and their ConfigMaps tell; a second look that shows the same is no change, an exchanged network is."""
    cluster = FakeCluster()
    cluster.put(DAEMON_SETS, named("kube-flannel-ds"))
    cluster.put(CONFIG_MAPS, named("kube-flannel-cfg", data=CONFIG))
    network = pod_network(cluster)
    assert network.current.unread == "the pod network has not been looked at yet"
    assert await network.look()
    assert network.current == Shown(programs=(Datapath(Kind.VXLAN, 8472, evidence="DaemonSet kube-flannel-ds"),))
    assert not await network.look()
    cluster.remove(DAEMON_SETS, "kube-flannel-ds", "kube-flannel")
    assert await network.look()
    assert network.current == Shown()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("list daemonsets", Shown(unread="DaemonSets could not be read: 403")),
        (
            "get configmaps kube-flannel-cfg",
            Shown(
                programs=(
                    Datapath(
                        Kind.UNKNOWN,
                        evidence="DaemonSet kube-flannel-ds",
                        why="DaemonSet kube-flannel-ds carries packets, and its ConfigMap kube-flannel-cfg could not be read: 403",
                    ),
                )
            ),
        ),
    ],
)
async def test_what_may_not_be_read_is_data(call: str, expected: Shown) -> None:
    """A missing permission is said in the place of the thing; nothing is raised."""
    cluster = FakeCluster()
    cluster.put(DAEMON_SETS, named("kube-flannel-ds"))
    cluster.put(CONFIG_MAPS, named("kube-flannel-cfg", data=CONFIG))
    error: ClusterError = Forbidden("403")
    cluster.failures[call] = error
    network = pod_network(cluster)
    await network.look()
    assert network.current == expected


async def test_what_was_shown_stays_while_the_api_server_is_away() -> None:
    """No answer says nothing about the network; only an answer does."""
    cluster = FakeCluster()
    cluster.put(DAEMON_SETS, named("kindnet", "kube-system"))
    network = pod_network(cluster)
    cluster.failures["list daemonsets"] = Unreachable("away")
    assert not await network.look()
    assert network.current.unread == "the pod network has not been looked at yet"
    await network.look()
    cluster.failures["list daemonsets"] = Unreachable("away")
    assert not await network.look()
    assert network.current == Shown(programs=(Datapath(Kind.NATIVE, evidence="DaemonSet kindnet"),))


async def test_pools_are_read_for_calico_only() -> None:
    """Elsewhere the kind does not even exist."""
    cluster = FakeCluster()
    cluster.put(DAEMON_SETS, named("kube-proxy", "kube-system"))
    network = pod_network(cluster)
    await network.look()
    assert cluster.calls == ["list daemonsets"]
    cluster.put(DAEMON_SETS, named("calico-node", "calico-system"))
    cluster.put(IP_POOLS, {"metadata": {"name": "p"}, "spec": {"cidr": "10.24.0.0/14", "ipipMode": "Always"}})
    await network.look()
    assert [found.kind for found in network.current.programs] == [Kind.IPIP]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("auto", None),
        ("native", Datapath(Kind.NATIVE, evidence="PATHCHECK_DATAPATH")),
        ("ipip", Datapath(Kind.IPIP, evidence="PATHCHECK_DATAPATH")),
        ("wireguard:51871", Datapath(Kind.WIREGUARD, 51871, evidence="PATHCHECK_DATAPATH")),
    ],
)
def test_setting(setting: str, expected: Datapath | None) -> None:
    """What is set is the noun it stands for."""
    assert chosen(settings_of({"PATHCHECK_PROBE_IMAGE": "i", "PATHCHECK_DATAPATH": setting})) == expected
