"""Predictions equal packets: what the evaluator says of a rule set is what the rule set does to packets (docs/packets.md).

Two programs that share no code are asked the same questions. One is the product: its reader takes the rules from the API,
its evaluator says what becomes of each flow. The other is the emulator with nftables and a kernel's packets. Hypothesis
makes the rule sets, and of a disagreement the smallest one.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from e2e.network_of import REPOSITORY, Host, ask, emulator, network_of
from e2e.packets.counters import decided
from e2e.packets.exchange import Exchange
from e2e.packets.frames import AH, ESP, EXPERIMENT, GRE, ICMP, ICMPV6, IPIP, SCTP, TCP, UDP, Question
from e2e.packets.rule_sets import Rule, Vocabulary, rule_sets
from pathcheck.core.predict import predict
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.words import Action, Direction, Prediction
from pathcheck.wire.firewall_rules import firewall_of

PROJECT = "august-period-234610"
API = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
ZONE = "us-east1-b"
FIREWALLS = f"/compute/v1/projects/{PROJECT}/global/firewalls"
ROUTER = "ppkt-vpc"
NODE_TAG = f"gke-{PROJECT}-1de60498-node"
NODE_ACCOUNT = f"gke-nodes@{PROJECT}.iam.gserviceaccount.com"
WEB_ACCOUNT = f"web@{PROJECT}.iam.gserviceaccount.com"

# Hypothesis varies what it has drawn before; beginning anew now and then gives twice as many different rules.
RUNS, RULE_SETS = 16, 6
SEED = int(os.environ.get("PATHCHECK_PACKETS_SEED") or random.randrange(2**32))
MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the API describes it; without a network it is a peer outside, of which the API knows nothing."""

    host: Host
    network: str = ""
    tags: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    pods: str = ""
    routed: bool = False

    @property
    def instance(self) -> Rule:
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
            "zone": f"{API}/zones/{ZONE}",
            "canIpForward": True,
            "tags": {"items": list(self.tags)},
            "serviceAccounts": [{"email": account} for account in self.accounts],
            "networkInterfaces": [nic],
        }

    @property
    def route(self) -> Rule:
        return {
            "name": f"pods-of-{self.host.name}",
            "network": f"{API}/global/networks/{self.network}",
            "destRange": self.pods,
            "nextHopInstance": f"{API}/zones/{ZONE}/instances/{self.host.name}",
        }


def host(name: str, address: str, pod: str, v6: str) -> Host:
    """Its second IPv6 address lies in the /96 that belongs to the interface of an instance, as a pod's would."""
    return Host(f"ppkt-{name}", name, address, pod, (v6, f"{v6}a:40"))


MACHINES = (
    Machine(
        host("node-1", "10.142.15.205", "10.24.9.31", "fd20:0:0:1::"),
        *("default", (NODE_TAG,), (NODE_ACCOUNT,), "10.24.9.0/24", True),
    ),
    Machine(
        host("node-2", "10.142.15.206", "10.24.12.40", "fd20:0:0:2::"),
        *("default", (NODE_TAG, "web"), (NODE_ACCOUNT,), "10.24.12.0/24", True),
    ),
    Machine(
        host("web", "10.142.15.207", "10.24.13.7", "fd20:0:0:3::"),
        *("default", ("web",), (WEB_ACCOUNT,), "10.24.13.0/24"),
    ),
    # As if its network were peered with the first: packets come and go, rules and tags do not.
    Machine(
        host("peered", "172.16.0.5", "172.16.8.5", "fd21:0:0:4::"),
        *("other", ("web",), (NODE_ACCOUNT,), "172.16.8.0/24"),
    ),
    # As behind a VPN: the protocols that are blocked towards external addresses are no matter here.
    Machine(host("site", "192.168.7.10", "192.168.8.10", "fd22:0:0:5::")),
)
INSTANCES = tuple(machine for machine in MACHINES if machine.network)
CLOUD = {
    "format": "pathcheck-recording/1",
    "project": PROJECT,
    "networks": [{"name": "default"}, {"name": "other"}],
    "instances": [machine.instance for machine in INSTANCES],
    "routes": [machine.route for machine in INSTANCES if machine.routed],
}
VOCABULARY = Vocabulary(
    # Most machines are in the first.
    networks=[f"global/networks/{name}" for name in ("default", "default", "default", "other")],
    ranges=[
        [
            *("0.0.0.0/0", "10.0.0.0/8", "10.128.0.0/9", "10.24.0.0/14", "10.24.12.0/23", "10.24.12.40/32"),
            *("10.24.9.0/24", "10.142.0.0/20", "10.142.15.206/31", "10.142.15.206", "172.16.0.0/20", "192.168.7.10/32"),
        ],
        ["::/0", "fd20::/16", "fd20:0:0:2::/96", "fd20:0:0:2::/128", "fd20:0:0:2::/63", "fd22::/16"],
    ],
    tags=[NODE_TAG, "web", "nobody"],
    accounts=[NODE_ACCOUNT, WEB_ACCOUNT, f"nobody@{PROJECT}.iam.gserviceaccount.com"],
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


QUESTIONS = questions()


@dataclass(slots=True)
class Cloud:
    """The API, the product's reader of it, and the wires; `tally` counts what was compared."""

    endpoint: str
    reader: subprocess.Popen[str]
    exchange: Exchange
    tally: Counter[str] = field(default_factory=Counter)

    def hold(self, rules: Iterable[Rule]) -> None:
        """Has exactly these rules in force."""
        for left in ask(self.endpoint, "GET", FIREWALLS).get("items", []):
            ask(self.endpoint, "DELETE", f"{FIREWALLS}/{left['name']}")
        for rule in rules:
            ask(self.endpoint, "POST", FIREWALLS, rule)

    def firewall(self) -> Firewall:
        """What the product makes of the API's answers; it must have understood everything."""
        wanted = [{"zone": ZONE, "name": machine.host.name} for machine in INSTANCES]
        assert self.reader.stdin is not None
        assert self.reader.stdout is not None
        self.reader.stdin.write(json.dumps({"read": {"project": PROJECT, "instances": wanted}}) + "\n")
        self.reader.stdin.flush()
        firewall = firewall_of(json.loads(self.reader.stdout.readline())["recording"])
        assert firewall.problems == ()
        return firewall

    def disagreements(self) -> list[str]:
        """One line for each flow whose packet did otherwise than predicted, and for each rule that decided other packets."""
        firewall = self.firewall()
        explanations = {question: predict(self._flow(question), firewall) for question in QUESTIONS}
        before = decided(ROUTER)
        arrived = self.exchange.arrived(explanations)
        if any(e.prediction is Prediction.PERMITTED and q not in arrived for q, e in explanations.items()):
            # A loaded machine loses packets, and a lost one was not denied. One that came needs no second look.
            before = decided(ROUTER)
            arrived |= self.exchange.arrived(explanations, patient=True)
        counted = decided(ROUTER) - before
        lines = []
        for question, explanation in explanations.items():
            came = "arrived" if question in arrived else "did not arrive"
            self.tally[f"{explanation.prediction} by {kind(explanation)}, {came}"] += 1
            if not agree(explanation, question in arrived, firewall):
                by = ", ".join(explanation.decided_by)
                lines.append(f"{self._flow(question)}: {explanation.prediction} by {by}, but {came}")
        expected = Counter(name for name in map(decider, explanations.values()) if name is not None)
        lines += [
            f"{direction} {rule}: predicted to decide {expected[direction, rule]} packets, decided {counted[direction, rule]}"
            for direction, rule in sorted(expected.keys() | counted.keys())
            if expected[direction, rule] != counted[direction, rule]
        ]
        return lines

    def _flow(self, question: Question) -> Flow:
        return Flow(self._end(question.source), self._end(question.destination), L4(question.protocol, question.port))

    def _end(self, address: str) -> Endpoint:
        owner = self.exchange.owner(address)
        known = any(machine.host.name == owner for machine in INSTANCES)
        return Endpoint(ip_address(address), instance=owner if known else None)


def agree(explanation: Explanation, arrived: bool, firewall: Firewall) -> bool:
    """Whether the packet did as predicted."""
    if explanation.prediction is not Prediction.UNDETERMINED:
        return (explanation.prediction is Prediction.PERMITTED) is arrived
    # The one thing that Google leaves open: an allow rule at the priority of the implied deny.
    rule = firewall.rule(rule_name(explanation).removeprefix("firewall:"))
    return rule is not None and (rule.priority, rule.action, rule.direction) == (65535, Action.ALLOW, Direction.INGRESS)


def decider(explanation: Explanation) -> tuple[str, str] | None:
    """As `decided` counts it: of allow rules that tie, the first by name; None where egress rules had the last word and agreed."""
    if explanation.direction is Direction.EGRESS and explanation.prediction is Prediction.PERMITTED:
        return None
    assert explanation.direction is not None
    return explanation.direction.value.lower(), rule_name(explanation)


def rule_name(explanation: Explanation) -> str:
    return explanation.decided_by[0].removeprefix("undecided:")


def kind(explanation: Explanation) -> str:
    return "an implied rule" if rule_name(explanation).startswith("implied-") else "a rule"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Five machines, the emulator and the reader; gone again afterwards."""
    hosts = [machine.host for machine in MACHINES]
    with (
        network_of(ROUTER, hosts),
        emulator(CLOUD, tmp_path_factory.mktemp("cloud"), ROUTER) as endpoint,
        Exchange(ROUTER, hosts) as exchange,
        subprocess.Popen(
            [sys.executable, "-m", "pathcheck.shell.reader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PATHCHECK_COMPUTE_ENDPOINT": f"http://{endpoint}"},
        ) as reader,
    ):
        yield Cloud(endpoint, reader, exchange)
        assert reader.stdin is not None
        reader.stdin.close()


def shown(rules: list[Rule], lines: list[str], run_seed: int) -> str:
    """What to look at, and how to see it again."""
    some = "\n".join(lines[:MOST_SHOWN])
    return (
        f"{len(lines)} disagreements, PATHCHECK_PACKETS_SEED={run_seed}:\n{some}\nrules:\n{json.dumps(rules, indent=1)}"
    )


def compare(cloud: Cloud, run_seed: int) -> None:
    """Random rule sets, each asked for every flow.

    Raises AssertionError with the smallest rule set for which prediction and packets disagree.
    """

    @seed(run_seed)
    @settings(
        max_examples=RULE_SETS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(rule_sets(VOCABULARY))
    def agrees(rules: list[Rule]) -> None:
        cloud.hold(rules)
        lines = cloud.disagreements()
        assert not lines, shown(rules, lines, run_seed)

    agrees()


@pytest.mark.timeout(850)
def test_predictions_equal_packets(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the rules are, a packet arrives if and only if that is predicted, and the rule that decided it is the one named."""
    cloud.tally.clear()
    for run in range(RUNS):
        compare(cloud, SEED + run)
    with capsys.disabled():
        print(f"\n{cloud.tally.total()} flows, PATHCHECK_PACKETS_SEED={SEED}: {dict(sorted(cloud.tally.items()))}")
    # None of the four may be so rare that it goes untested.
    for decided_by in ("a rule", "an implied rule"):
        assert cloud.tally[f"permitted by {decided_by}, arrived"] > cloud.tally.total() // 100
        assert cloud.tally[f"blocked by {decided_by}, did not arrive"] > cloud.tally.total() // 100


def test_the_story(cloud: Cloud) -> None:
    """With the story's rules a pod's question to kube-dns arrives, without the deleted one it does not; all flows as predicted."""
    dns = Question("10.24.12.40", "10.24.9.31", UDP, 53)
    seen = []
    for name in ("before", "outage"):
        recording = json.loads((REPOSITORY / "docs" / "story" / f"{name}.json").read_text())
        cloud.hold([{key: value for key, value in rule.items() if key != "params"} for rule in recording["firewalls"]])
        assert cloud.disagreements() == []
        seen.append(cloud.exchange.arrived([dns]) == {dns})
    assert seen == [True, False]
