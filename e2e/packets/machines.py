"""The machines of the comparison, what the API knows of them, and every question that is asked about them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from e2e.network_of import Host
from e2e.packets.frames import AH, ESP, EXPERIMENT, GRE, ICMP, ICMPV6, IPIP, SCTP, TCP, UDP, Question
from e2e.packets.rule_sets import Rule, Vocabulary

PROJECT = "august-period-234610"
API = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
EAST, WEST = "us-east1", "us-west1"
NODE_TAG = f"gke-{PROJECT}-1de60498-node"
NODE_ACCOUNT = f"gke-nodes@{PROJECT}.iam.gserviceaccount.com"
WEB_ACCOUNT = f"web@{PROJECT}.iam.gserviceaccount.com"
FIRST, SECOND, NOBODY = "tagValues/1", "tagValues/2", "tagValues/3"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the API describes it; without a network it is a peer outside, of which the API knows nothing."""

    host: Host
    network: str = ""
    tags: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    pods: str = ""
    routed: bool = False
    region: str = EAST
    secure_tags: tuple[str, ...] = ()

    @property
    def zone(self) -> str:
        """Of the machine, as the API names it."""
        return f"{self.region}-b"

    @property
    def instance(self) -> Rule:
        """The compute#instance."""
        nic: Rule = {
            "name": "nic0",
            "network": f"{API}/global/networks/{self.network}",
            "networkIP": self.host.address,
            "ipv6Address": self.host.v6[0],
            "internalIpv6PrefixLength": 96,
        }
        if not self.routed:
            nic["aliasIpRanges"] = [{"ipCidrRange": self.pods}]
        return {
            "name": self.host.name,
            "zone": f"{API}/zones/{self.zone}",
            "canIpForward": True,
            "tags": {"items": list(self.tags)},
            "serviceAccounts": [{"email": account} for account in self.accounts],
            "networkInterfaces": [nic],
        }

    @property
    def route(self) -> Rule:
        """The compute#route to its pods."""
        return {
            "name": f"pods-of-{self.host.name}",
            "network": f"{API}/global/networks/{self.network}",
            "destRange": self.pods,
            "nextHopInstance": f"{API}/zones/{self.zone}/instances/{self.host.name}",
        }


def _host(name: str, address: str, pod: str, v6: str) -> Host:
    """Its second IPv6 address lies in the /96 that belongs to the interface of an instance, as a pod's would."""
    return Host(f"ppkt-{name}", name, address, pod, (v6, f"{v6}a:40"))


MACHINES = (
    Machine(
        _host("node-1", "10.142.15.205", "10.24.9.31", "fd20:0:0:1::"),
        *("default", (NODE_TAG,), (NODE_ACCOUNT,), "10.24.9.0/24", True, EAST, (FIRST,)),
    ),
    Machine(
        _host("node-2", "10.142.15.206", "10.24.12.40", "fd20:0:0:2::"),
        *("default", (NODE_TAG, "web"), (NODE_ACCOUNT,), "10.24.12.0/24", True, EAST, (FIRST, SECOND)),
    ),
    Machine(
        _host("web", "10.142.15.207", "10.24.13.7", "fd20:0:0:3::"),
        *("default", ("web",), (WEB_ACCOUNT,), "10.24.13.0/24", False, WEST, (SECOND,)),
    ),
    # Its network is peered with the first: packets come and go, rules and tags do not, secure tags do.
    Machine(
        _host("peered", "172.16.0.5", "172.16.8.5", "fd21:0:0:4::"),
        *("other", ("web",), (NODE_ACCOUNT,), "172.16.8.0/24", False, EAST, (SECOND,)),
    ),
    # Its network is peered with none: whatever its tags are, they are nobody's elsewhere.
    Machine(
        _host("apart", "172.17.0.5", "172.17.8.5", "fd23:0:0:6::"),
        *("apart", (NODE_TAG,), (NODE_ACCOUNT,), "172.17.8.0/24", False, EAST, (FIRST,)),
    ),
    # As behind a VPN: the protocols that are blocked towards external addresses are no matter here.
    Machine(_host("site", "192.168.7.10", "192.168.8.10", "fd22:0:0:5::")),
)
INSTANCES = tuple(machine for machine in MACHINES if machine.network)


def _network(name: str, peer: str) -> Rule:
    peering = {"name": f"to-{peer}", "network": f"{API}/global/networks/{peer}", "state": "ACTIVE"}
    return {"name": name, "peerings": [peering]}


# Google's own policies cannot be made by anybody; this one is always there, in one region.
_SYSTEM_POLICY = {
    "name": "gke-system",
    "type": "SYSTEM_REGIONAL",
    "priority": 1000,
    "rules": [
        {
            "priority": 10,
            "action": "allow",
            "direction": "INGRESS",
            "match": {"srcIpRanges": ["10.24.12.0/23"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["54"]}]},
        },
        {
            "priority": 20,
            "action": "deny",
            "direction": "EGRESS",
            "match": {"destIpRanges": ["10.142.15.206"], "layer4Configs": [{"ipProtocol": "udp", "ports": ["8010"]}]},
            "targetServiceAccounts": [NODE_ACCOUNT],
        },
    ],
}

CLOUD = {
    "format": "pathcheck-recording/1",
    "project": PROJECT,
    "networks": [_network("default", "other"), _network("other", "default"), {"name": "apart"}],
    "instances": [machine.instance for machine in INSTANCES],
    "routes": [machine.route for machine in INSTANCES if machine.routed],
    "effectiveFirewalls": [{"network": "default", "region": EAST, "answer": {"firewallPolicys": [_SYSTEM_POLICY]}}],
    "addressGroups": {
        "nodes": ["10.142.0.0/20", "fd20:0:0:1::/96"],
        "pods": ["10.24.12.0/23", "10.24.9.31/32"],
        "six": ["fd20:0:0:2::/63", "fd22::/16"],
        "site": ["192.168.7.10/32"],
    },
    "secureTagBindings": {machine.host.name: list(machine.secure_tags) for machine in INSTANCES},
}
VOCABULARY = Vocabulary(
    # Most machines are in the first.
    networks=[f"global/networks/{name}" for name in ("default", "default", "default", "other", "apart")],
    ranges=[
        [
            *("0.0.0.0/0", "10.0.0.0/8", "10.128.0.0/9", "10.24.0.0/14", "10.24.12.0/23", "10.24.12.40/32"),
            *("10.24.9.0/24", "10.142.0.0/20", "10.142.15.206/31", "10.142.15.206", "172.16.0.0/20", "192.168.7.10/32"),
        ],
        ["::/0", "fd20::/16", "fd20:0:0:2::/96", "fd20:0:0:2::/128", "fd20:0:0:2::/63", "fd22::/16"],
    ],
    tags=[NODE_TAG, "web", "nobody"],
    accounts=[NODE_ACCOUNT, WEB_ACCOUNT, f"nobody@{PROJECT}.iam.gserviceaccount.com"],
    secure_tags=[FIRST, SECOND, NOBODY],
    groups=[f"projects/{PROJECT}/locations/global/addressGroups/{name}" for name in ("nodes", "pods", "six", "site")],
    regions=[EAST, EAST, WEST],
    root=API,
)

PORTS = (0, 1, 49, 50, 53, 54, 8000, 8010, 8011, 65534, 65535)
EITHER_FAMILY: list[tuple[int, int | None]] = [
    *((protocol, port) for protocol in (TCP, UDP) for port in PORTS),
    *((SCTP, port) for port in (0, 53, 54, 65535)),
    (ESP, None),
    (EXPERIMENT, None),
]
ASKED = {
    4: [*EITHER_FAMILY, (ICMP, None), (IPIP, None), (GRE, None), (AH, None)],
    6: [*EITHER_FAMILY, (ICMPV6, None)],
}


def questions() -> list[Question]:
    """Every ordered pair of machines, from every address to every address of its family, by every protocol and port."""
    ends = [(m.host.name, address) for m in MACHINES for address in (m.host.address, m.host.pod, *m.host.v6)]
    return [
        Question(source, destination, protocol, port)
        for sender, source in ends
        for receiver, destination in ends
        if sender != receiver and ip_address(source).version == ip_address(destination).version
        for protocol, port in ASKED[ip_address(source).version]
    ]
