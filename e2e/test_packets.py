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
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from e2e.network_of import REPOSITORY, emulator, network_of
from e2e.packets.counters import decided
from e2e.packets.exchange import Exchange
from e2e.packets.frames import UDP, Question
from e2e.packets.holding import hold
from e2e.packets.machines import CLOUD, INSTANCES, MACHINES, PROJECT, VOCABULARY, questions
from e2e.packets.policy_sets import RuleSet, policy_sets
from pathcheck.core.rules.predict import predict
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.words import Action, Direction, Prediction
from pathcheck.wire.firewall_rules import firewall_of

ROUTER = "ppkt-vpc"

# Hypothesis varies what it has drawn before; beginning anew now and then gives twice as many different rules.
RUNS, RULE_SETS = 16, 6
SEED = int(os.environ.get("PATHCHECK_PACKETS_SEED") or random.randrange(2**32))
MOST_SHOWN = 10


QUESTIONS = questions()


@dataclass(slots=True)
class Cloud:
    """The API, the product's reader of it, and the wires; `tally` counts what was compared."""

    endpoint: str
    reader: subprocess.Popen[str]
    exchange: Exchange
    tally: Counter[str] = field(default_factory=Counter)

    def recording(self) -> dict[str, Any]:
        """The API's answers as the product reads them."""
        wanted = [{"zone": machine.zone, "name": machine.host.name} for machine in INSTANCES]
        assert self.reader.stdin is not None
        assert self.reader.stdout is not None
        self.reader.stdin.write(json.dumps({"read": {"project": PROJECT, "instances": wanted}}) + "\n")
        self.reader.stdin.flush()
        recording: dict[str, Any] = json.loads(self.reader.stdout.readline())["recording"]
        return recording

    def disagreements(self) -> list[str]:
        """One line for each flow whose packet did otherwise than predicted, and for each rule that decided other packets."""
        recording = self.recording()
        firewall = firewall_of(recording)
        assert firewall.problems == ()
        by_tag = rules_by_secure_tag(recording)
        explanations = {}
        for question in QUESTIONS:
            explanation = predict(self._flow(question), firewall)
            if is_open(question, explanation, by_tag):
                self.tally["not compared: an alias address and a source by secure tag"] += 1
            else:
                explanations[question] = explanation
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
        expected = Counter(name for explanation in explanations.values() for name in deciders(explanation))
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
    rule = firewall.rule(rule_name(explanation))
    return rule is not None and (rule.priority, rule.action, rule.direction) == (65535, Action.ALLOW, Direction.INGRESS)


def deciders(explanation: Explanation) -> list[tuple[str, str]]:
    """As `decided` counts them: of allow rules that tie, the first by name; none for a side that was not asked."""
    sides = (("egress", explanation.egress), ("ingress", explanation.ingress))
    return [(side, names[0].removeprefix("undecided:")) for side, names in sides if names]


def rule_name(explanation: Explanation) -> str:
    return explanation.decided_by[0].removeprefix("undecided:")


def rules_by_secure_tag(recording: dict[str, Any]) -> set[str]:
    """The names of the policy rules whose source is a secure tag."""
    return {
        f"policy:{policy['name']}/{rule['priority']}"
        for entry in recording["effectiveFirewalls"]
        for policy in entry["answer"].get("firewallPolicys", [])
        for rule in policy["rules"]
        if rule["match"].get("srcSecureTags")
    }


def is_open(question: Question, explanation: Explanation, by_tag: set[str]) -> bool:
    """Whether Google's sources conflict: does a secure tag stand for its machines' alias addresses too?"""
    is_alias = any(question.source == machine.host.pod for machine in INSTANCES if not machine.routed)
    return is_alias and explanation.prediction is Prediction.UNDETERMINED and rule_name(explanation) in by_tag


def kind(explanation: Explanation) -> str:
    name = rule_name(explanation)
    return "an implied rule" if name.startswith("implied-") else f"a {name.partition(':')[0]} rule"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Six machines, the emulator and the reader; gone again afterwards."""
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


def shown(rules: RuleSet, lines: list[str], run_seed: int) -> str:
    """What to look at, and how to see it again."""
    some = "\n".join(lines[:MOST_SHOWN])
    return f"{len(lines)} disagreements, PATHCHECK_PACKETS_SEED={run_seed}:\n{some}\nrules:\n{json.dumps(asdict(rules), indent=1)}"


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
    @given(policy_sets(VOCABULARY))
    def agrees(rules: RuleSet) -> None:
        hold(cloud.endpoint, rules)
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
    # None of the six may be so rare that it goes untested.
    for decided_by in ("a firewall rule", "a policy rule", "an implied rule"):
        assert cloud.tally[f"permitted by {decided_by}, arrived"] > cloud.tally.total() // 100
        assert cloud.tally[f"blocked by {decided_by}, did not arrive"] > cloud.tally.total() // 100


def test_the_story(cloud: Cloud) -> None:
    """With the story's rules a pod's question to kube-dns arrives, without the deleted one it does not; all flows as predicted."""
    dns = Question("10.24.12.40", "10.24.9.31", UDP, 53)
    seen = []
    for name in ("before", "outage"):
        recording = json.loads((REPOSITORY / "docs" / "story" / f"{name}.json").read_text())
        rules = [{key: value for key, value in rule.items() if key != "params"} for rule in recording["firewalls"]]
        hold(cloud.endpoint, RuleSet(rules))
        assert cloud.disagreements() == []
        seen.append(cloud.exchange.arrived([dns]) == {dns})
    assert seen == [True, False]
