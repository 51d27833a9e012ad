"""DaemonSets, ConfigMaps, IP pools and node annotations → what they say of the pod network's data path (`Shown`).

Each program that carries packets is one row of `_PROGRAMS`; what it is set to is read where it keeps it. What cannot be read makes
that program's data path UNKNOWN with the reason, never a guess; a program that is there for policies only says nothing.

    program        keeps it in                                                        documented in
    cilium, anetd  ConfigMap cilium-config                                            docs.cilium.io: network/concepts/routing,
                                                                                      operations/system_requirements
    calico-node    IPPools; else its environment; WireGuard: node annotations         docs.tigera.io: networking/configuring/vxlan-ipip,
                                                                                      getting-started/kubernetes/requirements
    kube-flannel   ConfigMap kube-flannel-cfg, net-conf.json                          flannel's Documentation/backends.md
    antrea-agent   ConfigMap antrea-config, antrea-agent.conf                         antrea.io: docs/network-requirements
    ip-masq-agent  ConfigMap ip-masq-agent, config                                    kubernetes-sigs/ip-masq-agent, README
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import Any

import yaml

from pathcheck.model.datapath import KEPT_BY_DEFAULT, Datapath, Kind, Masquerade, Shown
from pathcheck.model.flows import Range

Body = Mapping[str, Any]

# Kernel's default, as Cilium and flannel use it; IANA's (RFC 7348, RFC 8926); WireGuard's own, and Cilium's.
_VXLAN_KERNEL, _VXLAN_IANA, _GENEVE, _WIREGUARD, _WIREGUARD_V6, _WIREGUARD_CILIUM = (
    8472,
    4789,
    6081,
    51820,
    51821,
    51871,
)
_PRIVATE = KEPT_BY_DEFAULT[:3]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the cluster gave: the DaemonSets, the ConfigMaps' data by name, and Calico's IP pools.

    A text in the place of a thing says why it could not be read; a ConfigMap that is not there is left out.
    """

    daemon_sets: Sequence[Body] | str = ()
    config_maps: Mapping[str, Mapping[str, str] | str] | None = None
    pools: Sequence[Body] | str = ()


class _Unreadable(Exception):  # noqa: N818 - it reads as what it says
    """Why a program's configuration does not tell."""


def shown_of(seen: Seen, chosen: Datapath | None = None) -> Shown:
    """What all of it says. Total."""
    if isinstance(seen.daemon_sets, str):
        return Shown(chosen, unread=f"DaemonSets could not be read: {seen.daemon_sets}")
    programs: list[Datapath] = []
    masquerade: Masquerade | None = None
    for daemon_set in seen.daemon_sets:
        name = str(daemon_set["metadata"]["name"])
        if name == "ip-masq-agent":
            masquerade = _ip_masq_agent(daemon_set, seen)
        for prefix, read in _PROGRAMS.items():
            if name == prefix or (prefix == "kube-flannel" and name.startswith(prefix)):
                programs += _read(read, name, daemon_set, seen)
    return Shown(chosen, tuple(dict.fromkeys(programs)), masquerade)


def noted_by(annotations: Mapping[str, str]) -> Datapath | None:
    """What a Node's annotations say: flannel writes its backend there, Calico its keys and tunnel addresses."""
    calico = "projectcalico.org/"
    if annotations.get(f"{calico}WireguardPublicKey"):
        evidence = f"annotation {calico}WireguardPublicKey"
        return Datapath(Kind.WIREGUARD, _WIREGUARD, _WIREGUARD_V6, evidence=evidence)
    backend = annotations.get("flannel.alpha.coreos.com/backend-type")
    if backend:
        evidence = "annotation flannel.alpha.coreos.com/backend-type"
        try:
            return _flannel_backend({"Type": backend}, evidence)
        except _Unreadable as why:
            return Datapath(Kind.UNKNOWN, evidence=evidence, why=str(why))
    for tunnel in ("IPv4IPIPTunnelAddr", "IPv4VXLANTunnelAddr"):
        if annotations.get(f"{calico}{tunnel}"):
            evidence = f"annotation {calico}{tunnel}"
            said = f"{evidence} shows a tunnel of Calico, and its IP pools were not read"
            return Datapath(Kind.UNKNOWN, evidence=evidence, why=said)
    return None


def subnet_of(annotations: Mapping[str, str]) -> Range | None:
    """The subnet in which Calico takes the node to be: its address with the interface's own prefix (/32 on Compute Engine)."""
    try:
        return ip_interface(annotations["projectcalico.org/IPv4Address"]).network
    except (KeyError, ValueError):
        return None


def config_map_of(daemon_set: Body) -> str | None:
    """The ConfigMap, in the DaemonSet's own namespace, without which what it does cannot be told."""
    name = str(daemon_set["metadata"]["name"])
    return "kube-flannel-cfg" if name.startswith("kube-flannel") else _CONFIG_MAPS.get(name)


_CONFIG_MAPS = {
    "cilium": "cilium-config",
    "anetd": "cilium-config",
    "canal": "canal-config",
    "antrea-agent": "antrea-config",
    "ip-masq-agent": "ip-masq-agent",
}

_Read = Callable[[str, Body, Seen], Datapath | None]


def _read(read: _Read, name: str, daemon_set: Body, seen: Seen) -> list[Datapath]:
    evidence = f"DaemonSet {name}"
    try:
        found = read(evidence, daemon_set, seen)
    except _Unreadable as why:
        found = Datapath(Kind.UNKNOWN, evidence=evidence, why=f"{evidence} carries packets, and {why}")
    return [found] if found is not None else []


def _cilium(evidence: str, daemon_set: Body, seen: Seen) -> Datapath | None:
    """`tunnel` became `routing-mode` and `tunnel-protocol` in 1.14; without any of them Cilium tunnels by VXLAN."""
    if evidence.endswith("anetd") and "cilium-config" not in (seen.config_maps or {}):
        return None  # GKE Dataplane V2 may keep it elsewhere: the pods' alias ranges tell
    config = _config_map("cilium-config", seen)
    protocol = config.get("tunnel-protocol") or config.get("tunnel") or "vxlan"
    native = config.get("routing-mode") == "native" or config.get("tunnel") == "disabled"
    kept = config.get("ipv4-native-routing-cidr") or config.get("native-routing-cidr")
    masquerade = None if native else Masquerade((), True)
    if config.get("enable-ipv4-masquerade", config.get("masquerade", "true")) == "false":
        masquerade = Masquerade((), False)
    elif native and kept and config.get("enable-ip-masq-agent") != "true":
        masquerade = Masquerade((_range(kept, "ipv4-native-routing-cidr"),), True)
    if config.get("enable-ipsec") == "true":
        raise _Unreadable("its IPsec is not among what is judged here")
    if config.get("enable-wireguard") == "true":
        return Datapath(Kind.WIREGUARD, _WIREGUARD_CILIUM, masquerade=masquerade, evidence=evidence)
    if native:
        return Datapath(Kind.NATIVE, masquerade=masquerade, evidence=evidence)
    kinds = {"vxlan": (Kind.VXLAN, _VXLAN_KERNEL), "geneve": (Kind.GENEVE, _GENEVE)}
    if protocol not in kinds:
        raise _Unreadable(f"its tunnel-protocol {protocol!r} is none that is known here")
    kind, default = kinds[protocol]
    return Datapath(
        kind, _port(config.get("tunnel-port"), default, "tunnel-port"), masquerade=masquerade, evidence=evidence
    )


def _calico(evidence: str, daemon_set: Body, seen: Seen) -> Datapath | None:
    """IPPool.spec.ipipMode and vxlanMode: Always, CrossSubnet, Never. The environment makes the first pool only."""
    env = _environment(daemon_set)
    if env.get("CALICO_NETWORKING_BACKEND") == "none":
        return None  # for policies only, as GKE installs it
    if env.get("FELIX_WIREGUARDENABLED", "").lower() == "true":
        port = _port(env.get("FELIX_WIREGUARDLISTENINGPORT"), _WIREGUARD, "FELIX_WIREGUARDLISTENINGPORT")
        return Datapath(Kind.WIREGUARD, port, _WIREGUARD_V6, evidence=evidence)
    pools = [] if isinstance(seen.pools, str) else [p.get("spec") or {} for p in seen.pools]
    pools = [p for p in pools if not p.get("disabled")]
    modes = {(str(p.get("ipipMode") or "Never"), str(p.get("vxlanMode") or "Never")) for p in pools}
    if not modes and ("CALICO_IPV4POOL_IPIP" in env or "CALICO_IPV4POOL_VXLAN" in env):
        modes = {(env.get("CALICO_IPV4POOL_IPIP", "Never"), env.get("CALICO_IPV4POOL_VXLAN", "Never"))}
    if not modes:
        why = f": {seen.pools}" if isinstance(seen.pools, str) else ""
        raise _Unreadable(f"neither its IP pools nor its environment say how{why}")
    if len(modes) > 1:
        raise _Unreadable("its IP pools do not agree on how")
    ipip, vxlan = ({"Off": "Never", "": "Never"}.get(mode, mode) for mode in modes.pop())
    kept = tuple(_range(p.get("cidr"), "an IPPool's cidr") for p in pools)
    masquerade = Masquerade(kept, True) if pools and all(p.get("natOutgoing") for p in pools) else None
    if not {ipip, vxlan} <= {"Always", "CrossSubnet", "Never"}:
        raise _Unreadable(f"its encapsulation {ipip!r}, {vxlan!r} is none that is known here")
    if ipip != "Never":
        return Datapath(Kind.IPIP, across_subnets_only=ipip == "CrossSubnet", masquerade=masquerade, evidence=evidence)
    if vxlan != "Never":
        port = _port(env.get("FELIX_VXLANPORT"), _VXLAN_IANA, "FELIX_VXLANPORT")
        return Datapath(Kind.VXLAN, port, None, vxlan == "CrossSubnet", masquerade, evidence)
    return Datapath(Kind.NATIVE, masquerade=masquerade, evidence=evidence)


def _flannel(evidence: str, daemon_set: Body, seen: Seen) -> Datapath:
    name = "canal-config" if evidence.endswith("canal") else "kube-flannel-cfg"
    text = _config_map(name, seen).get("net-conf.json", "")
    try:
        backend = json.loads(text)["Backend"]
    except (ValueError, KeyError, TypeError, RecursionError) as why:
        raise _Unreadable(f"net-conf.json in ConfigMap {name} cannot be read") from why
    if not isinstance(backend, Mapping):
        raise _Unreadable(f"Backend in ConfigMap {name} is no object")
    return _flannel_backend(backend, evidence)


def _flannel_backend(backend: Mapping[str, Any], evidence: str) -> Datapath:
    across = backend.get("DirectRouting") is True
    match backend.get("Type"):
        case "vxlan":
            port = _port(backend.get("Port"), _VXLAN_KERNEL, "Backend.Port")
            return Datapath(Kind.VXLAN, port, None, across, evidence=evidence)
        case "wireguard":
            port = _port(backend.get("ListenPort"), _WIREGUARD, "Backend.ListenPort")
            port_v6 = _port(backend.get("ListenPortV6"), _WIREGUARD_V6, "Backend.ListenPortV6")
            return Datapath(Kind.WIREGUARD, port, port_v6, evidence=evidence)
        case "ipip":
            return Datapath(Kind.IPIP, across_subnets_only=across, evidence=evidence)
        case "host-gw" | "gce" | "alloc":
            return Datapath(Kind.NATIVE, evidence=evidence)
        case other:
            raise _Unreadable(f"flannel's backend {other!r} is none that is judged here")


def _antrea(evidence: str, daemon_set: Body, seen: Seen) -> Datapath | None:
    text = _config_map("antrea-config", seen).get("antrea-agent.conf", "")
    config = _yaml(text, "antrea-agent.conf in ConfigMap antrea-config")
    mode = str(config.get("trafficEncapMode") or "encap")
    if mode == "networkPolicyOnly":
        return None
    masquerade = Masquerade((), False) if config.get("noSNAT") is True else None
    if mode == "noEncap":
        return Datapath(Kind.NATIVE, masquerade=masquerade, evidence=evidence)
    if mode not in ("encap", "hybrid"):
        raise _Unreadable(f"its trafficEncapMode {mode!r} is none that is known here")
    encryption = str(config.get("trafficEncryptionMode") or "none")
    if encryption == "wireGuard":
        wireguard = config.get("wireGuard")
        port = wireguard.get("port") if isinstance(wireguard, Mapping) else None
        return Datapath(Kind.WIREGUARD, _port(port, _WIREGUARD, "wireGuard.port"), evidence=evidence)
    kinds = {"geneve": (Kind.GENEVE, _GENEVE), "vxlan": (Kind.VXLAN, _VXLAN_IANA)}
    tunnel = str(config.get("tunnelType") or "geneve")
    if encryption != "none" or tunnel not in kinds:
        raise _Unreadable(f"its {encryption if encryption != 'none' else tunnel} is not among what is judged here")
    kind, default = kinds[tunnel]
    port = _port(config.get("tunnelPort") or None, default, "tunnelPort")
    return Datapath(kind, port, None, mode == "hybrid", evidence=evidence)


def _unjudged(what: str) -> _Read:
    def read(evidence: str, daemon_set: Body, seen: Seen) -> Datapath:
        raise _Unreadable(what)

    return read


# Weave: each pair of nodes agrees on fast datapath (udp/6784) or sleeve (udp/6783), and no object says on which.
_PROGRAMS: Mapping[str, _Read] = {
    "cilium": _cilium,
    "anetd": _cilium,
    "calico-node": _calico,
    "canal": _flannel,
    "kube-flannel": _flannel,
    "antrea-agent": _antrea,
    "kindnet": lambda evidence, daemon_set, seen: Datapath(Kind.NATIVE, evidence=evidence),
    "ovnkube-node": lambda evidence, daemon_set, seen: Datapath(Kind.GENEVE, _GENEVE, evidence=evidence),
    "weave-net": _unjudged("each pair of nodes agrees on udp/6783 or udp/6784 by itself"),
    "kube-router": _unjudged("when it tunnels is not among what is judged here"),
}


def _ip_masq_agent(daemon_set: Body, seen: Seen) -> Masquerade | None:
    """Its list, or the default one; None where that cannot be read."""
    arguments = [a for c in _containers(daemon_set) for a in (*(c.get("command") or ()), *(c.get("args") or ()))]
    reserved = any(
        str(a).lstrip("-") in ("nomasq-all-reserved-ranges", "nomasq-all-reserved-ranges=true") for a in arguments
    )
    kept: tuple[Range, ...] = KEPT_BY_DEFAULT if reserved else _PRIVATE
    link_local: tuple[Range, ...] = (ip_network("169.254.0.0/16"),)
    try:
        if "ip-masq-agent" in (seen.config_maps or {}):
            data = _config_map("ip-masq-agent", seen)
            # The agent reads one file; under which key it stands is up to who mounts it.
            text = data.get("config") or next(iter(data.values()), "")
            config = _yaml(text, "ConfigMap ip-masq-agent")
            listed = config.get("nonMasqueradeCIDRs")
            if listed is not None:
                if not isinstance(listed, list):
                    return None
                kept = tuple(_range(text, "nonMasqueradeCIDRs") for text in listed)
            if config.get("masqLinkLocal") is True:
                link_local = ()
    except _Unreadable:
        return None
    # Without --enable-ipv6 it leaves IPv6 alone.
    v6 = any(str(a).lstrip("-") in ("enable-ipv6", "enable-ipv6=true") for a in arguments)
    return Masquerade((*kept, *link_local, *(() if v6 else (ip_network("::/0"),))), True)


def _config_map(name: str, seen: Seen) -> Mapping[str, str]:
    found = (seen.config_maps or {}).get(name)
    if found is None:
        raise _Unreadable(f"its ConfigMap {name} is not there")
    if isinstance(found, str):
        raise _Unreadable(f"its ConfigMap {name} could not be read: {found}")
    return found


def _yaml(text: str, where: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as why:
        raise _Unreadable(f"{where} cannot be read") from why
    if found is not None and not isinstance(found, Mapping):
        raise _Unreadable(f"{where} is no mapping")
    return found or {}


def _containers(daemon_set: Body) -> list[Mapping[str, Any]]:
    spec = ((daemon_set.get("spec") or {}).get("template") or {}).get("spec") or {}
    return list(spec.get("containers") or ())


def _environment(daemon_set: Body) -> dict[str, str]:
    return {str(e["name"]): str(e.get("value") or "") for c in _containers(daemon_set) for e in c.get("env") or ()}


def _port(value: object, default: int, field: str) -> int:
    """Absent and 0 stand for the default."""
    if value in (None, "", 0, "0"):
        return default
    if isinstance(value, bool) or not str(value).isdecimal() or not 0 < int(str(value)) <= 65535:
        raise _Unreadable(f"its {field} {value!r} is no port")
    return int(str(value))


def _range(value: object, field: str) -> Range:
    try:
        return ip_network(str(value), strict=False)
    except ValueError as why:
        raise _Unreadable(f"its {field} {value!r} is no range") from why
