"""The lab's network: one namespace per machine, all wired to a router namespace as in a cloud's VPC.

Every machine has a /32 address and a default route through the router, so that every packet between two machines
passes the router's forward hook, where the firewall is; on a bridge it would not. The machine's own network namespace
gets no interface, route or address.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from e2e.lab.errors import CommandError, LabError, run
from e2e.lab.topology import MTU, NAMESPACE_PREFIX, ROUTER, ROUTER_NAMESPACE, Machine, Node, Topology

NAMED = Path("/run/netns")
# Where pods keep their own address, as ip-masq-agent does by default:
# https://github.com/kubernetes-sigs/ip-masq-agent#default-configuration (the private ranges of RFC 1918).
NOT_MASQUERADED = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def router_side(machine: Machine) -> list[str]:
    """`ip -batch` lines for the router's end of the wire to a machine."""
    interface = machine.router_interface
    lines = [
        f"link add {interface} type veth peer name eth0 netns {machine.namespace}",
        f"link set {interface} mtu {MTU} up",
        f"route add {machine.address}/32 dev {interface}",
    ]
    if isinstance(machine, Node):
        lines.append(f"route add {machine.pods} via {machine.address} dev {interface} onlink")
    return lines


def machine_side(machine: Machine) -> list[str]:
    """`ip -batch` lines for the machine's end."""
    return [
        "link set lo up",
        f"link set eth0 mtu {MTU} up",
        f"addr add {machine.address}/32 dev eth0",
        f"route add {ROUTER}/32 dev eth0",
        f"route add default via {ROUTER} dev eth0",
    ]


def masquerade(node: Node) -> str:
    """The nftables script by which a node hides pod addresses from everything outside the private ranges."""
    return f"""table ip lab-masquerade {{
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    oifname "eth0" ip saddr {node.pods} ip daddr != {{ {", ".join(NOT_MASQUERADED)} }} masquerade
  }}
}}
"""


def build(topology: Topology) -> None:
    """Makes all namespaces, wires and routes.

    Raises:
        CommandError: a namespace is there already, or the kernel lacks something.
        LabError: the kernel has no bridge netfilter.
    """
    _batch(None, [f"netns add {namespace}" for namespace in topology.namespaces])
    # The router's address first: a namespace without any address refuses an onlink gateway.
    router = ["link set lo up", f"addr add {ROUTER}/32 dev lo"]
    for machine in topology.on_the_network:
        router += router_side(machine)
    _batch(ROUTER_NAMESPACE, router)
    _set(ROUTER_NAMESPACE, {"net.ipv4.ip_forward": 1, **_NO_REVERSE_PATH_FILTER})
    for machine in topology.on_the_network:
        _batch(machine.namespace, machine_side(machine))
    for node in topology.nodes:
        # A pod that dials a Service backed by a pod on the same bridge gets its answer through this hook.
        _set(node.namespace, {"net.ipv4.ip_forward": 1, **_NO_REVERSE_PATH_FILTER, **_BRIDGE})
        run(["ip", "netns", "exec", node.namespace, "nft", "-f", "-"], given=masquerade(node))


def namespaces() -> set[str]:
    """The lab's network namespaces that exist, of whatever lab."""
    if not NAMED.is_dir():
        return set()
    return {path.name for path in NAMED.iterdir() if path.name.startswith(NAMESPACE_PREFIX)}


def remove() -> None:
    """Removes all of the lab's namespaces; the wires go with them. Processes must have ended before."""
    for namespace in sorted(namespaces()):
        # A name whose mount is gone already (a crash in the middle of `ip netns add`) is only a file.
        with suppress(CommandError):
            run(["ip", "netns", "delete", namespace])
        (NAMED / namespace).unlink(missing_ok=True)
    # `ip netns add` has mounted the directory on itself and would do so again: without names nobody misses it.
    if NAMED.is_dir() and not any(NAMED.iterdir()):
        with suppress(CommandError):
            run(["umount", str(NAMED)])
        NAMED.rmdir()


_NO_REVERSE_PATH_FILTER = {"net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.default.rp_filter": 0}
_BRIDGE = {"net.bridge.bridge-nf-call-iptables": 1}


def _batch(namespace: str | None, lines: list[str]) -> None:
    inside = [] if namespace is None else ["-netns", namespace]
    run(["ip", *inside, "-batch", "-"], given="\n".join(lines) + "\n")


def _set(namespace: str, settings: dict[str, int]) -> None:
    try:
        assignments = [f"{name}={value}" for name, value in settings.items()]
        run(["ip", "netns", "exec", namespace, "sysctl", "-qw", *assignments])
    except CommandError as error:
        raise LabError(f"{error} (is the kernel module br_netfilter loaded? try: modprobe br_netfilter)") from error
