"""core/v1 Service → `Service`, and a discovery.k8s.io/v1 EndpointSlice → its `Backend`s and the addresses it lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from pathcheck.model.cluster import Backend, Service, ServicePort
from pathcheck.model.flows import L4, PROTOCOL_NUMBERS

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


def service_of(body: Mapping[str, Any]) -> Service:
    """A Service as the API server gives it. Headless and ExternalName ones have no virtual address."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    address = spec.get("clusterIP")
    return Service(
        namespace=metadata["namespace"],
        name=metadata["name"],
        cluster_ip=ip_address(address) if address and address != "None" else None,
        ports=_ports(spec),
    )


def service_behind(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """The key of the Service that a slice belongs to; None for slices that somebody keeps for other ends."""
    name = (body["metadata"].get("labels") or {}).get(SERVICE_NAME_LABEL)
    return (body["metadata"]["namespace"], name) if name else None


def backends_of(body: Mapping[str, Any]) -> tuple[Backend, ...]:
    """The ready, serving, not terminating endpoints of a slice. FQDN slices have no addresses to dial.

    An unset condition means ready and serving (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions).
    """
    service = service_behind(body)
    if service is None or body.get("addressType") == "FQDN":
        return ()
    ports = _ports(body)
    return tuple(
        Backend(*service, address=ip_address(address), node=endpoint.get("nodeName"), ports=ports)
        for endpoint in body.get("endpoints") or ()
        if _usable(endpoint.get("conditions") or {})
        for address in endpoint["addresses"][
            :1
        ]  # more than one is not to be used: they are alternatives of one endpoint
    )


def api_servers_of(backends: Iterable[Backend]) -> tuple[str, ...]:
    """`host:port` of each API server, from what is behind default/kubernetes: dialled without DNS and without virtual address."""
    return tuple(
        sorted(
            f"[{b.address}]:{p.l4.port}" if b.address.version == 6 else f"{b.address}:{p.l4.port}"
            for b in backends
            for p in b.ports
            if p.name == "https"
        )
    )


def _ports(holder: Mapping[str, Any]) -> tuple[ServicePort, ...]:
    return tuple(
        ServicePort(p.get("name") or "", L4(PROTOCOL_NUMBERS[(p.get("protocol") or "TCP").lower()], p["port"]))
        for p in holder.get("ports") or ()
        if p.get("port") is not None  # a slice of a headless Service may leave it open
    )


def _usable(conditions: Mapping[str, Any]) -> bool:
    # null and absent are the same to the API.
    return (
        conditions.get("ready") is not False
        and conditions.get("serving") is not False
        and not conditions.get("terminating")
    )
