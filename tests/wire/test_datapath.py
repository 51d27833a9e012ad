"""wire/datapath.py: what each network program's objects say."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.model.datapath import KEPT_BY_DEFAULT, Datapath, Kind, Masquerade, Shown
from pathcheck.wire.datapath import Seen, noted_by, shown_of, subnet_of

PRIVATE = KEPT_BY_DEFAULT[:3]
LINK_LOCAL, V6 = ip_network("169.254.0.0/16"), ip_network("::/0")
OUT = Masquerade((), True)


def daemon_set(name: str, env: dict[str, str] | None = None, args: list[str] | None = None) -> dict[str, Any]:
    """As the API server gives it, in short."""
    container = {"name": name, "env": [{"name": k, "value": v} for k, v in (env or {}).items()], "args": args or []}
    return {"metadata": {"name": name}, "spec": {"template": {"spec": {"containers": [container]}}}}


def flannel(**backend: Any) -> dict[str, dict[str, str]]:
    """flannel's ConfigMap with this backend."""
    return {"kube-flannel-cfg": {"net-conf.json": json.dumps({"Network": "10.24.0.0/14", "Backend": backend})}}


def cilium(**config: str) -> dict[str, dict[str, str]]:
    """Cilium's ConfigMap."""
    return {"cilium-config": {key.replace("_", "-"): value for key, value in config.items()}}


def antrea(text: str) -> dict[str, dict[str, str]]:
    """Antrea's ConfigMap."""
    return {"antrea-config": {"antrea-agent.conf": text}}


def only(name: str, config_maps: Any, **more: Any) -> Datapath:
    """What a cluster with this one DaemonSet says."""
    env = more.pop("env", None)
    (found,) = shown_of(Seen([daemon_set(name, env)], config_maps, **more)).programs
    return found


@pytest.mark.parametrize(
    ("name", "config_maps", "expected"),
    [
        ("cilium", cilium(tunnel="vxlan"), Datapath(Kind.VXLAN, 8472, masquerade=OUT)),
        ("cilium", cilium(), Datapath(Kind.VXLAN, 8472, masquerade=OUT)),
        (
            "cilium",
            cilium(routing_mode="tunnel", tunnel_protocol="geneve"),
            Datapath(Kind.GENEVE, 6081, masquerade=OUT),
        ),
        ("cilium", cilium(routing_mode="tunnel", tunnel_port="4789"), Datapath(Kind.VXLAN, 4789, masquerade=OUT)),
        ("cilium", cilium(routing_mode="native"), Datapath(Kind.NATIVE)),
        ("cilium", cilium(tunnel="disabled"), Datapath(Kind.NATIVE)),
        (
            "cilium",
            cilium(routing_mode="native", ipv4_native_routing_cidr="10.0.0.0/9"),
            Datapath(Kind.NATIVE, masquerade=Masquerade((ip_network("10.0.0.0/9"),), True)),
        ),
        (
            "cilium",
            cilium(routing_mode="native", enable_ipv4_masquerade="false"),
            Datapath(Kind.NATIVE, masquerade=Masquerade((), False)),
        ),
        ("anetd", cilium(routing_mode="native", enable_wireguard="true"), Datapath(Kind.WIREGUARD, 51871)),
        ("kube-flannel-ds", flannel(Type="vxlan"), Datapath(Kind.VXLAN, 8472)),
        ("kube-flannel", flannel(Type="vxlan", Port=4789), Datapath(Kind.VXLAN, 4789)),
        ("kube-flannel-ds", flannel(Type="vxlan", DirectRouting=True), Datapath(Kind.VXLAN, 8472, None, True)),
        ("kube-flannel-ds", flannel(Type="host-gw"), Datapath(Kind.NATIVE)),
        ("kube-flannel-ds", flannel(Type="gce"), Datapath(Kind.NATIVE)),
        ("kube-flannel-ds", flannel(Type="wireguard"), Datapath(Kind.WIREGUARD, 51820, 51821)),
        ("kube-flannel-ds", flannel(Type="ipip"), Datapath(Kind.IPIP)),
        ("antrea-agent", antrea(""), Datapath(Kind.GENEVE, 6081)),
        ("antrea-agent", antrea("tunnelType: vxlan"), Datapath(Kind.VXLAN, 4789)),
        ("antrea-agent", antrea("trafficEncapMode: hybrid"), Datapath(Kind.GENEVE, 6081, None, True)),
        ("antrea-agent", antrea("trafficEncapMode: noEncap"), Datapath(Kind.NATIVE)),
        ("antrea-agent", antrea("trafficEncryptionMode: wireGuard"), Datapath(Kind.WIREGUARD, 51820)),
        ("kindnet", {}, Datapath(Kind.NATIVE)),
        ("ovnkube-node", {}, Datapath(Kind.GENEVE, 6081)),
    ],
)
def test_programs(name: str, config_maps: Any, expected: Datapath) -> None:
    """Each program's configuration comes to its kind and port, and the DaemonSet is named."""
    evidence = f"DaemonSet {name}"
    assert only(name, config_maps) == Datapath(
        expected.kind, expected.port, expected.port_v6, expected.across_subnets_only, expected.masquerade, evidence
    )


def pool(**spec: Any) -> dict[str, Any]:
    """A Calico IPPool."""
    return {"metadata": {"name": "p"}, "spec": {"cidr": "10.24.0.0/14"} | spec}


@pytest.mark.parametrize(
    ("pools", "env", "kind", "port", "across"),
    [
        ([pool(ipipMode="Always")], {}, Kind.IPIP, None, False),
        ([pool(ipipMode="CrossSubnet")], {}, Kind.IPIP, None, True),
        ([pool(ipipMode="Never", vxlanMode="Always")], {}, Kind.VXLAN, 4789, False),
        ([pool(vxlanMode="Always")], {"FELIX_VXLANPORT": "8472"}, Kind.VXLAN, 8472, False),
        ([pool()], {"CALICO_IPV4POOL_IPIP": "Always"}, Kind.NATIVE, None, False),
        ([pool(), pool(ipipMode="Always", disabled=True)], {}, Kind.NATIVE, None, False),
        ([], {"CALICO_IPV4POOL_IPIP": "Always", "CALICO_IPV4POOL_VXLAN": "Never"}, Kind.IPIP, None, False),
        ("forbidden", {"CALICO_IPV4POOL_VXLAN": "CrossSubnet"}, Kind.VXLAN, 4789, True),
        ([], {"CALICO_IPV4POOL_IPIP": "Off"}, Kind.NATIVE, None, False),
    ],
)
def test_calico(pools: Any, env: dict[str, str], kind: Kind, port: int | None, across: bool) -> None:
    """The IP pools tell; the environment, which only makes the first of them, where there are none to read."""
    found = only("calico-node", {}, env=env, pools=pools)
    assert (found.kind, found.port, found.across_subnets_only) == (kind, port, across)


def test_programs_that_only_guard_say_nothing() -> None:
    """GKE's Calico and a chained Antrea enforce policies; who carries the packets is somebody else."""
    guards = [daemon_set("calico-node", {"CALICO_NETWORKING_BACKEND": "none"}), daemon_set("antrea-agent")]
    others = [daemon_set("kube-proxy"), daemon_set("netd"), daemon_set("anetd"), daemon_set("my-vxlan-thing")]
    shown = shown_of(Seen([*guards, *others], antrea("trafficEncapMode: networkPolicyOnly")))
    assert shown == Shown()


@pytest.mark.parametrize(
    ("name", "seen", "why"),
    [
        ("cilium", {}, "its ConfigMap cilium-config is not there"),
        ("cilium", {"cilium-config": "403"}, "its ConfigMap cilium-config could not be read: 403"),
        ("cilium", cilium(tunnel="gre"), "its tunnel-protocol 'gre' is none that is known here"),
        ("cilium", cilium(tunnel_port="x"), "its tunnel-port 'x' is no port"),
        ("cilium", cilium(enable_ipsec="true"), "its IPsec is not among what is judged here"),
        ("kube-flannel-ds", flannel(Type="udp"), "flannel's backend 'udp' is none that is judged here"),
        ("kube-flannel-ds", flannel(Type="vxlan", Port=True), "its Backend.Port True is no port"),
        ("kube-flannel-ds", {"kube-flannel-cfg": {}}, "net-conf.json in ConfigMap kube-flannel-cfg cannot be read"),
        ("antrea-agent", antrea("a: ["), "antrea-agent.conf in ConfigMap antrea-config cannot be read"),
        ("antrea-agent", antrea("tunnelType: stt"), "its stt is not among what is judged here"),
        ("antrea-agent", antrea("tunnelType: [geneve]"), "its ['geneve'] is not among what is judged here"),
        ("antrea-agent", antrea("- x"), "antrea-agent.conf in ConfigMap antrea-config is no mapping"),
        ("calico-node", {}, "neither its IP pools nor its environment say how"),
        ("weave-net", {}, "each pair of nodes agrees on udp/6783 or udp/6784 by itself"),
    ],
)
def test_what_cannot_be_read_is_unknown(name: str, seen: Any, why: str) -> None:
    """A program that carries packets, one does not know how, is never taken for native."""
    sentence = f"DaemonSet {name} carries packets, and {why}"
    assert only(name, seen) == Datapath(Kind.UNKNOWN, evidence=f"DaemonSet {name}", why=sentence)


def test_calico_pools_that_differ() -> None:
    """Which pool a pod's address is from would have to be known."""
    found = only("calico-node", {}, pools=[pool(), pool(ipipMode="Always")])
    assert (found.kind, found.why) == (
        Kind.UNKNOWN,
        "DaemonSet calico-node carries packets, and its IP pools do not agree on how",
    )


def test_no_permission() -> None:
    """Without the DaemonSets nothing is claimed, and that is said; a setting stays."""
    chosen = Datapath(Kind.VXLAN, 8472, evidence="PATHCHECK_DATAPATH")
    assert shown_of(Seen("403"), chosen) == Shown(chosen, unread="DaemonSets could not be read: 403")


@pytest.mark.parametrize(
    ("args", "config_maps", "kept"),
    [
        ([], {}, (*PRIVATE, LINK_LOCAL, V6)),
        (["--nomasq-all-reserved-ranges"], {}, (*KEPT_BY_DEFAULT, LINK_LOCAL, V6)),
        (["--enable-ipv6=true"], {}, (*PRIVATE, LINK_LOCAL)),
        (
            [],
            {"ip-masq-agent": {"config": "nonMasqueradeCIDRs: [10.24.0.0/14]\nmasqLinkLocal: true\n"}},
            (ip_network("10.24.0.0/14"), V6),
        ),
        ([], {"ip-masq-agent": {"ip-masq-agent": '{"nonMasqueradeCIDRs": []}'}}, (LINK_LOCAL, V6)),
        ([], {"ip-masq-agent": {"config": "resyncInterval: 60s"}}, (*PRIVATE, LINK_LOCAL, V6)),
    ],
)
def test_ip_masq_agent(args: list[str], config_maps: Any, kept: tuple[Any, ...]) -> None:
    """Towards the agent's list, or its default one, pods keep their address; towards everything else they do not."""
    shown = shown_of(Seen([daemon_set("ip-masq-agent", args=args)], config_maps))
    assert shown == Shown(masquerade=Masquerade(kept, True))


@pytest.mark.parametrize(
    "config",
    ["403", {"config": "nonMasqueradeCIDRs: [ten]"}, {"config": "nonMasqueradeCIDRs: 10.0.0.0/8"}, {"config": "{"}],
)
def test_ip_masq_agent_that_cannot_be_read(config: Any) -> None:
    """What it keeps is then not known, which is not the default."""
    assert shown_of(Seen([daemon_set("ip-masq-agent")], {"ip-masq-agent": config})) == Shown()


def test_annotations() -> None:
    """flannel's backend, Calico's keys; a tunnel address alone does not say when the tunnel is used."""
    backend = "flannel.alpha.coreos.com/backend-type"
    key = "projectcalico.org/WireguardPublicKey"
    tunnel = "projectcalico.org/IPv4IPIPTunnelAddr"
    assert noted_by({backend: "vxlan"}) == Datapath(Kind.VXLAN, 8472, evidence=f"annotation {backend}")
    assert noted_by({key: "x=", tunnel: "10.24.9.1"}) == Datapath(
        Kind.WIREGUARD, 51820, 51821, evidence=f"annotation {key}"
    )
    noted = noted_by({tunnel: "10.24.9.1"})
    assert noted is not None
    assert (noted.kind, noted.evidence) == (Kind.UNKNOWN, f"annotation {tunnel}")
    assert noted_by({"node.alpha.kubernetes.io/ttl": "0", key: ""}) is None


def test_subnet() -> None:
    """Calico's own idea of a node's subnet; without one, or with nonsense, none."""
    name = "projectcalico.org/IPv4Address"
    assert subnet_of({name: "10.142.15.206/20"}) == ip_network("10.142.0.0/20")
    assert (subnet_of({}), subnet_of({name: "x"})) == (None, None)


WORDS = st.sampled_from(
    ["vxlan", "native", "encap", "wireGuard", "Always", "CrossSubnet", "true", "0", "70000", "10.0.0.0/8"]
)
KEYS = st.sampled_from(
    [
        "Type",
        "Port",
        "Backend",
        "trafficEncapMode",
        "tunnelType",
        "tunnelPort",
        "wireGuard",
        "port",
        "nonMasqueradeCIDRs",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
TEXTS = VALUES.map(json.dumps) | st.text(max_size=30)
CILIUM = st.sampled_from(["tunnel", "routing-mode", "tunnel-port", "enable-wireguard", "ipv4-native-routing-cidr"])
POOLS = st.lists(st.dictionaries(st.sampled_from(["ipipMode", "vxlanMode", "cidr", "natOutgoing"]), VALUES), max_size=3)
PROGRAMS = ("cilium", "anetd", "calico-node", "kube-flannel-ds", "canal", "antrea-agent", "ip-masq-agent", "weave-net")


@given(st.dictionaries(CILIUM, WORDS | st.text(max_size=6)), TEXTS, TEXTS, TEXTS, POOLS)
def test_total(config: dict[str, str], flannels: str, antreas: str, masq: str, pools: list[dict[str, Any]]) -> None:
    """Whatever stands in these objects, each program comes to something that says where it was seen, and, if unknown, why."""
    config_maps = {
        "cilium-config": config,
        "kube-flannel-cfg": {"net-conf.json": flannels},
        "antrea-config": {"antrea-agent.conf": antreas},
        "ip-masq-agent": {"config": masq},
    }
    seen = Seen([daemon_set(name) for name in PROGRAMS], config_maps, [{"spec": pool} for pool in pools])
    for found in shown_of(seen).programs:
        assert found.evidence.startswith("DaemonSet ")
        assert bool(found.why) == (found.kind is Kind.UNKNOWN)
        assert (found.port is not None) == (found.kind in (Kind.VXLAN, Kind.GENEVE, Kind.WIREGUARD))
