"""Whole projects are read without problems, and questions of them have the answers that every engineer of theirs knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pathcheck.cli.flows import answers
from pathcheck.wire.firewall_rules import firewall_of
from tests.evaluator import reference

HERE = Path(__file__).parent
RECORDED = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"))}

SHOP_1, SHOP_2 = "gke-shop-pool-1", "gke-shop-pool-2"
VAULT_1, VAULT_2, VAULT_3 = "gke-vault-pool-11", "gke-vault-pool-12", "gke-vault-extra-13"
FRESH_1, FRESH_2 = "gke-fresh-pool-21", "gke-fresh-pool-22"
INTERNET, IAP, HEALTH = "203.0.113.9", "35.235.240.7", "35.191.8.8"
IN, OUT = "implied-deny-ingress", "implied-allow-egress"
SHOP, VAULT = "firewall:gke-shop-0a1b2c3d", "firewall:gke-vault-4e5f6a7b"
SYSTEM = "policy:gke-fresh-8c9d0e1f-system"
ORG, FOLDER = "policy:417712345678", "policy:887798765432"

# recording, from, to, traffic: what is known, by which rule
QUESTIONS = [
    ("default-network", INTERNET, "10.128.0.2@web-1", "tcp/80", "permitted", "firewall:default-allow-http"),
    ("default-network", INTERNET, "10.128.0.2@web-1", "tcp/443", "permitted", "firewall:default-allow-https"),
    ("default-network", INTERNET, "10.128.0.2@web-1", "tcp/22", "permitted", "firewall:default-allow-ssh"),
    ("default-network", INTERNET, "10.128.0.2@web-1", "tcp/8080", "blocked", IN),
    ("default-network", INTERNET, "10.128.0.3@db-1", "tcp/80", "blocked", IN),
    ("default-network", INTERNET, "10.128.0.3@db-1", "icmp", "permitted", "firewall:default-allow-icmp"),
    ("default-network", "10.128.0.2@web-1", "10.128.0.3@db-1", "tcp/5432", "permitted", "firewall:default-allow-internal"),
    ("default-network", "10.128.0.2@web-1", "10.128.0.3@db-1", "esp", "blocked", IN),
    ("default-network", "10.128.0.2@web-1", INTERNET, "tcp/443", "permitted", OUT),
    # A public cluster
    ("gke-public", f"10.60.1.4@{SHOP_1}", f"10.60.2.8@{SHOP_2}", "udp/53", "permitted", f"{SHOP}-all"),
    ("gke-public", f"10.60.1.4@{SHOP_1}", f"10.60.2.8@{SHOP_2}", "sctp/9", "permitted", f"{SHOP}-all"),
    ("gke-public", f"10.60.1.4@{SHOP_1}", f"10.60.2.8@{SHOP_2}", "47", "blocked", IN),
    ("gke-public", f"10.60.1.4@{SHOP_1}", f"10.60.1.8@{SHOP_1}", "47", "permitted", "same-vm"),
    ("gke-public", "10.164.0.50@bastion", f"10.60.2.8@{SHOP_2}", "tcp/8443", "permitted", f"{SHOP}-vms"),
    ("gke-public", f"10.60.1.4@{SHOP_1}", "10.164.0.50@bastion", "tcp/8443", "blocked", IN),
    ("gke-public", f"10.60.1.4@{SHOP_1}", f"10.164.0.12@{SHOP_2}", "tcp/10255", "permitted", f"{SHOP}-inkubelet"),
    ("gke-public", f"10.164.0.11@{SHOP_1}", f"10.164.0.12@{SHOP_2}", "tcp/10255", "permitted", f"{SHOP}-inkubelet"),
    ("gke-public", "10.164.0.50@bastion", f"10.164.0.12@{SHOP_2}", "tcp/10255", "blocked", f"{SHOP}-exkubelet"),
    ("gke-public", INTERNET, f"198.51.100.20@{SHOP_1}", "tcp/443", "permitted", "firewall:k8s-fw-a5f2c"),
    ("gke-public", INTERNET, f"10.164.0.11@{SHOP_1}", "tcp/443", "blocked", IN),
    ("gke-public", HEALTH, f"10.164.0.11@{SHOP_1}", "tcp/10256", "permitted", "firewall:k8s-9d8e7f6a-node-http-hc"),
    ("gke-public", HEALTH, f"10.164.0.11@{SHOP_1}", "tcp/30080", "permitted", "firewall:k8s-fw-l7--9d8e7f6a"),
    ("gke-public", INTERNET, f"10.164.0.11@{SHOP_1}", "tcp/30080", "blocked", IN),
    # A private one
    ("gke-private", "172.16.0.2", f"10.10.0.11@{VAULT_1}", "tcp/10250", "permitted", f"{VAULT}-master"),
    ("gke-private", "172.16.0.2", f"10.20.11.9@{VAULT_1}", "tcp/8443", "blocked", IN),
    ("gke-private", f"10.20.11.9@{VAULT_1}", f"10.20.12.9@{VAULT_2}", "tcp/9090", "permitted", f"{VAULT}-all"),
    ("gke-private", f"10.20.11.9@{VAULT_1}", f"10.44.0.9@{VAULT_3}", "tcp/9090", "permitted", f"{VAULT}-all"),
    ("gke-private", f"10.44.0.9@{VAULT_3}", f"10.20.11.9@{VAULT_1}", "tcp/9090", "blocked", IN),
    ("gke-private", f"10.20.11.9@{VAULT_1}", INTERNET, "tcp/443", "blocked", "firewall:deny-all-egress"),
    ("gke-private", f"10.20.11.9@{VAULT_1}", "199.36.153.8", "tcp/443", "permitted", "firewall:allow-private-egress"),
    ("gke-private", f"10.20.11.9@{VAULT_1}", "172.16.0.2", "tcp/443", "permitted", "firewall:allow-private-egress"),
    ("gke-private", f"10.20.11.9@{VAULT_1}", "169.254.169.254", "tcp/80", "permitted", "always-allowed:metadata"),
    ("gke-private", IAP, f"10.10.0.11@{VAULT_1}", "tcp/22", "permitted", "firewall:allow-iap-ssh"),
    ("gke-private", INTERNET, f"10.10.0.11@{VAULT_1}", "tcp/22", "blocked", IN),
    # An organization
    ("hierarchical", IAP, "10.80.0.5@app-1", "tcp/22", "permitted", f"{ORG}/200"),
    ("hierarchical", INTERNET, "10.80.0.5@app-1", "tcp/22", "blocked", f"{ORG}/300"),
    ("hierarchical", "10.80.0.6@sql-1", "10.80.0.5@app-1", "tcp/22", "blocked", f"{ORG}/300"),
    ("hierarchical", HEALTH, "10.80.0.5@app-1", "tcp/443", "permitted", f"{ORG}/400"),
    ("hierarchical", INTERNET, "10.80.0.5@app-1", "tcp/8443", "inspected", f"{FOLDER}/100"),
    ("hierarchical", INTERNET, "10.80.0.5@app-1", "tcp/443", "undetermined", f"undecided:{FOLDER}/200"),
    ("hierarchical", "10.80.0.5@app-1", "10.80.0.6@sql-1", "tcp/5432", "permitted", "policy:net-global/100"),
    ("hierarchical", "10.80.0.6@sql-1", "10.80.0.5@app-1", "tcp/5432", "blocked", IN),
    ("hierarchical", INTERNET, "10.80.0.6@sql-1", "tcp/5432", "blocked", "firewall:corp-deny-sql"),
    ("hierarchical", "10.99.0.5", "10.80.0.6@sql-1", "tcp/9090", "permitted", "policy:net-regional/50"),
    ("hierarchical", "10.98.0.5", "10.80.0.6@sql-1", "tcp/9090", "blocked", IN),
    ("hierarchical", "10.80.0.6@sql-1", "10.80.0.5@app-1", "tcp/8080", "permitted", "firewall:corp-allow-internal"),
    ("hierarchical", "10.80.0.5@app-1", INTERNET, "tcp/443", "permitted", OUT),
    # A cluster whose rules are the system's
    ("gke-system-policies", f"10.116.21.4@{FRESH_1}", f"10.116.22.4@{FRESH_2}", "udp/53", "permitted", f"{SYSTEM}/900"),
    ("gke-system-policies", f"10.116.21.4@{FRESH_1}", "10.138.0.99@legacy", "udp/53", "blocked", "firewall:fresh-deny-pods"),
    ("gke-system-policies", "172.16.8.3", f"10.138.0.21@{FRESH_1}", "tcp/10250", "permitted", f"{SYSTEM}/901"),
    ("gke-system-policies", "10.138.0.99@legacy", f"10.138.0.21@{FRESH_1}", "tcp/10255", "blocked", f"{SYSTEM}/902"),
    ("gke-system-policies", "10.138.0.99@legacy", f"10.138.0.21@{FRESH_1}", "icmp", "permitted", "firewall:fresh-allow-icmp"),
    ("gke-system-policies", "10.138.0.99@legacy", f"10.138.0.21@{FRESH_1}", "tcp/80", "blocked", IN),
]  # fmt: skip


def flow(source: str, destination: str, traffic: str) -> dict[str, Any]:
    protocol, _, port = traffic.partition("/")
    ends = [end.partition("@") for end in (source, destination)]
    src, dst = ({"ip": address, **({"instance": instance} if instance else {})} for address, _, instance in ends)
    return {"id": 1, "src": src, "dst": dst, "protocol": protocol, "port": int(port) if port else None, "state": "new"}


@pytest.mark.parametrize("name", RECORDED)
def test_a_project_is_read_without_problems(name: str) -> None:
    """Every field that the API's own answers have is known."""
    assert firewall_of(RECORDED[name]).problems == ()


@pytest.mark.parametrize(
    ("name", "source", "destination", "traffic", "prediction", "decided_by"),
    QUESTIONS,
    ids=[f"{name} {source} → {destination} {traffic}" for name, source, destination, traffic, _, _ in QUESTIONS],
)
def test_a_question_with_a_known_answer(
    name: str, source: str, destination: str, traffic: str, prediction: str, decided_by: str
) -> None:
    """The prediction and the rule that decides; the reference evaluator says the same."""
    asked = flow(source, destination, traffic)
    [got] = answers(RECORDED[name], [asked])
    assert (got["prediction"], got["decidedBy"]) == (prediction, [decided_by])
    by_reference = reference.answer(RECORDED[name], asked)
    assert {key: got[key] for key in by_reference} == by_reference
