"""The trace: the rules asked, in order, and what became of each."""

from __future__ import annotations

import pytest
from hypothesis import given

from pathcheck.cli.flows import questions
from pathcheck.core.rules.predict import predict
from pathcheck.core.rules.trace import trace
from pathcheck.model.firewall import Firewall, Step
from pathcheck.model.words import Direction
from pathcheck.wire.firewall_rules import firewall_of
from tests.evaluator.strategies import Json, examples, recordings, several_flows
from tests.recordings import Raw, asked, entry, firewall, rule

IN, OUT = Direction.INGRESS, Direction.EGRESS
FREE = Step(OUT, "implied-allow-egress", True, "", "no rule denies it")
UNSURE = "could decide it, but cannot be judged:"
POD_2, POD_1 = "10.24.12.40@node-2", "10.24.9.31@node-1"


def policy(*rules: Raw, type: str = "HIERARCHY") -> Raw:
    """One policy, called edge by people."""
    return {"name": "42", "displayName": "edge", "type": type, "rules": list(rules)}


def policy_rule(priority: int, action: str, **match: object) -> Raw:
    """A policy's ingress rule about all of udp, unless said otherwise."""
    l4 = {"layer4Configs": [{"ipProtocol": "udp"}], "srcIpRanges": ["10.0.0.0/8"]}
    return {"priority": priority, "direction": "INGRESS", "action": action, "match": l4 | match}


@pytest.mark.parametrize(
    ("cloud", "expected"),
    [
        (firewall(), [FREE, Step(IN, "implied-deny-ingress", True, "", "no rule admits it")]),
        (
            firewall(
                rule("tcp-only", priority=1, allowed=[entry("tcp")]),
                rule("off", priority=2, disabled=True),
                rule("web", priority=3, allowed=[entry("udp", "443")]),
                rule("elsewhere", priority=4, sourceRanges=["192.0.2.0/24"]),
                rule("others", priority=5, targetTags=["web"]),
                rule("narrow", priority=6, destinationRanges=["10.24.13.0/24"]),
                rule("dns", priority=7),
                rule("never-asked", priority=8),
            ),
            [
                FREE,
                Step(IN, "firewall:tcp-only", False, "protocol", "not udp/53"),
                Step(IN, "firewall:off", False, "disabled", "is disabled"),
                Step(IN, "firewall:web", False, "port", "not udp/53"),
                Step(IN, "firewall:elsewhere", False, "sourceRanges", "10.24.12.40 is not in 192.0.2.0/24"),
                Step(
                    IN,
                    "firewall:others",
                    False,
                    "target",
                    "only for machines with tag web, and node-1 has gke-august-period-234610-1de60498-node",
                ),
                Step(IN, "firewall:narrow", False, "destinationRanges", "10.24.9.31 is not in 10.24.13.0/24"),
                Step(IN, "firewall:dns", True, "", "admits it"),
            ],
        ),
        (
            firewall(rule("one"), rule("two")),
            [FREE, Step(IN, "firewall:one", True, "", "admits it"), Step(IN, "firewall:two", True, "", "admits it")],
        ),
        (
            firewall(rule("never-asked"), rule("shut", direction="EGRESS", denied=[entry("udp")])),
            [Step(OUT, "firewall:shut", True, "", "denies it")],
        ),
        (
            firewall(rule("dns"), policies=[policy(policy_rule(1, "goto_next"), policy_rule(2, "deny"))]),
            [
                FREE,
                Step(IN, "policy:42/1", True, "", "hands on: no more of policy edge is asked"),
                Step(IN, "firewall:dns", True, "", "admits it"),
            ],
        ),
        (
            firewall(policies=[policy(policy_rule(1, "apply_security_profile_group"))]),
            [FREE, Step(IN, "policy:42/1", True, "", "has a proxy inspect it")],
        ),
        (
            firewall(rule("odd", futureCondition=["x"]), rule("never-asked", priority=2000)),
            [
                FREE,
                Step(
                    IN,
                    "firewall:odd",
                    None,
                    "",
                    f"firewall rule odd {UNSURE} futureCondition: is not known to this version",
                ),
            ],
        ),
        (
            firewall(policies=[policy(policy_rule(1, "allow", srcIpRanges=[], srcFqdns=["example.com"]))]),
            [
                FREE,
                Step(
                    IN,
                    "policy:42/1",
                    None,
                    "",
                    f"rule 1 of hierarchical firewall policy edge {UNSURE} srcFqdns: example.com is known to DNS only",
                ),
            ],
        ),
        (
            firewall(rule("last", priority=65535)),
            [
                FREE,
                Step(
                    IN,
                    "firewall:last",
                    None,
                    "",
                    f"firewall rule last {UNSURE} it ties with the implied deny at priority 65535",
                ),
            ],
        ),
        (
            firewall(
                policies=[
                    policy(
                        policy_rule(1, "deny") | {"targetSecureTags": [{"name": "tagValues/1", "state": "INEFFECTIVE"}]}
                    )
                ]
            ),
            [
                FREE,
                Step(IN, "policy:42/1", False, "state", "has ineffective secure tags only"),
                Step(IN, "implied-deny-ingress", True, "", "no rule admits it"),
            ],
        ),
    ],
    ids=[
        "no rule",
        "each field",
        "a tie",
        "the sender's side decides",
        "goto_next",
        "inspected",
        "what could not be read",
        "what cannot be judged",
        "a tie with the implied deny",
        "ineffective secure tags",
    ],
)
def test_the_steps(cloud: Firewall, expected: list[Step]) -> None:
    """Both sides' rules until one decides, the implied one where none does, nothing of what was never asked."""
    assert list(trace(asked(POD_2, POD_1, "udp/53"), cloud)) == expected


def test_rules_for_some_of_the_asked_ports() -> None:
    """They may match, and the walk goes on behind them."""
    cloud = firewall(rule("dns", allowed=[entry("udp", "53")]))
    assert list(trace(asked(POD_2, POD_1, "udp"), cloud)) == [
        FREE,
        Step(IN, "firewall:dns", None, "port", "is about some of the asked ports only"),
        Step(IN, "implied-deny-ingress", True, "", "no rule admits it"),
    ]


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (POD_2, "10.24.12.41@node-2"),
        (POD_2, "169.254.169.254"),
        ("192.0.2.1", "192.0.2.2"),
        ("192.0.2.1", "10.24.9.31@gone"),
    ],
    ids=["one machine", "the metadata server", "no machine", "a machine that is not there"],
)
def test_where_no_rule_is_asked(source: str, destination: str) -> None:
    """There is nothing to show."""
    assert trace(asked(source, destination, "udp/53"), firewall(rule("dns"))) == ()


@examples(60)
@given(recordings(), several_flows)
def test_the_trace_ends_with_what_decides(recording: Json, flows: list[Json]) -> None:
    """Each side's deciders are in its steps, last, and nothing else there had the last word."""
    cloud = firewall_of(recording)
    for question in questions(flows):
        explanation = predict(question.flow, cloud)
        steps = trace(question.flow, cloud)
        for direction, names in ((OUT, explanation.egress), (IN, explanation.ingress)):
            own = [step for step in steps if step.direction is direction]
            if own:
                assert {name.removeprefix("undecided:") for name in names} <= {step.name for step in own}
                met = [step.name for step in own if step.matched and not step.sentence.startswith("hands on")]
                assert tuple(met) == names or names[0].startswith("undecided:")
