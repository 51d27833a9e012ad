"""The router's firewall switched by hand, with the rules of the story: all of them (`open`), or one deleted (`outage`)."""

from __future__ import annotations

from e2e.lab.errors import run
from e2e.lab.topology import PODS, ROUTER_NAMESPACE

RULES = {
    "default-allow-internal": "ip saddr 10.128.0.0/9 accept",
    "default-allow-icmp": "ip protocol icmp accept",
    "default-allow-ssh": "tcp dport 22 accept",
    "default-allow-rdp": "tcp dport 3389 accept",
    "akrobateo-fw-traefik": "tcp dport { 80, 443 } accept",
    "to-no-instance": 'oifname { "v-cp", "v-ext" } accept',
    "gke-august-period-234610-all": f"ip saddr {PODS} accept",
}


def switch(rules: dict[str, str]) -> None:
    """Puts exactly these rules in force, in one transaction, for open connections too."""
    lines = "".join(f'    {rule} comment "{name}"\n' for name, rule in rules.items())
    script = f"""table inet vpc
delete table inet vpc
table inet vpc {{
  chain forward {{
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
{lines}  }}
}}
"""
    run(["ip", "netns", "exec", ROUTER_NAMESPACE, "nft", "-f", "-"], given=script)
    run(["ip", "netns", "exec", ROUTER_NAMESPACE, "conntrack", "-F"])


def open_all() -> None:
    """All rules of the story."""
    switch(RULES)


def make_outage() -> None:
    """The story's deletion."""
    switch({name: rule for name, rule in RULES.items() if name != "gke-august-period-234610-all"})
