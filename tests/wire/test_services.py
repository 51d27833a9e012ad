"""wire/services.py."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from pathcheck.model.cluster import Backend, Service, ServicePort
from pathcheck.wire.services import api_servers_of, backends_of, service_of
from tests.builders import l4

DNS_PORTS = (ServicePort("dns", l4("udp/53")), ServicePort("dns-tcp", l4("tcp/53")))


def slice_of(endpoint: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """kube-dns' slice, with one endpoint."""
    return {
        "metadata": {
            "namespace": "kube-system",
            "name": "kube-dns-x7k2p",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.24.9.31"], "nodeName": "node-1"} | endpoint],
        "ports": [
            {"name": "dns", "protocol": "UDP", "port": 53},
            {"name": "dns-tcp", "protocol": "TCP", "port": 53},
        ],
    } | changes


def test_service() -> None:
    """A Service has its virtual address and its own ports, not the target ports."""
    body = {
        "metadata": {"namespace": "kube-system", "name": "kube-dns"},
        "spec": {
            "clusterIP": "10.27.240.10",
            "ports": [
                {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": 1053},
                {"name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": "dns"},
            ],
        },
    }
    assert service_of(body) == Service("kube-system", "kube-dns", ip_address("10.27.240.10"), DNS_PORTS)


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName", "externalName": "a.example"}])
def test_without_address(spec: dict[str, Any]) -> None:
    """A headless or external Service has no virtual address."""
    assert service_of({"metadata": {"namespace": "a", "name": "b"}, "spec": spec}) == Service("a", "b", None, ())


def test_backend() -> None:
    """An endpoint is a backend of the Service that the slice's label names, with the slice's ports."""
    assert backends_of(slice_of({})) == (
        Backend("kube-system", "kube-dns", ip_address("10.24.9.31"), "node-1", DNS_PORTS),
    )


@pytest.mark.parametrize(
    ("conditions", "used"),
    [
        ({}, True),
        ({"ready": None}, True),
        ({"ready": True, "serving": True, "terminating": False}, True),
        ({"ready": False, "serving": True, "terminating": True}, False),
        ({"ready": False}, False),
        ({"ready": True, "serving": False}, False),
        ({"ready": True, "terminating": True}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], used: bool) -> None:
    """Only what is ready, serving and not terminating is used; what is not said counts as ready and serving."""
    assert bool(backends_of(slice_of({"conditions": conditions}))) is used


@pytest.mark.parametrize(
    "changes", [{"addressType": "FQDN"}, {"metadata": {"namespace": "a", "name": "b"}}, {"endpoints": None}]
)
def test_no_backend(changes: dict[str, Any]) -> None:
    """Names, slices of no Service, and slices without endpoints have no backends."""
    assert backends_of(slice_of({}, **changes)) == ()


def test_api_servers() -> None:
    """The API servers are the https endpoints of default/kubernetes, IPv6 in brackets."""
    https = (ServicePort("https", l4("tcp/443")),)
    other = (ServicePort("metrics", l4("tcp/9090")),)
    backends = [
        Backend("default", "kubernetes", ip_address("fd00::200"), None, https),
        Backend("default", "kubernetes", ip_address("10.142.15.200"), None, https + other),
    ]
    assert api_servers_of(backends) == ("10.142.15.200:443", "[fd00::200]:443")
