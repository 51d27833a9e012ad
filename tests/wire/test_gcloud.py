"""A fix as the lines to type."""

from __future__ import annotations

import shlex
from dataclasses import replace
from ipaddress import ip_network

import pytest

from pathcheck.model.fixes import Change, Fix
from pathcheck.model.rules import L4Match, PortRange, Rule, Stage
from pathcheck.model.words import Action, Direction
from pathcheck.wire.gcloud import command

L4 = (L4Match(6, (PortRange(53, 53), PortRange(80, 90))), L4Match(17), L4Match(1), L4Match(58))
RANGES = (ip_network("10.24.12.0/24"), ip_network("10.24.14.0/24"))
INGRESS = Rule("fix", "default", Direction.INGRESS, 900, Action.ALLOW, L4, RANGES)
EGRESS = replace(INGRESS, direction=Direction.EGRESS)
IN_POLICY = replace(INGRESS, name="net/99", policy="net", stage=Stage.GLOBAL, priority=99)
VPC = "gcloud compute firewall-rules"
POLICY = "gcloud compute network-firewall-policies rules"

# what: (the rule as it is, as it shall be, the region, the line)
LINES: dict[str, tuple[Rule | None, Rule, str, str]] = {
    "an ingress rule, every flag written out; protocols without a name at gcloud are numbers": (
        None,
        replace(INGRESS, target_tags=frozenset({"b", "a"})),
        "",
        f"{VPC} create fix --project=p --network=default --direction=INGRESS --priority=900"
        " --source-ranges=10.24.12.0/24,10.24.14.0/24 --allow=tcp:53,tcp:80-90,udp,icmp,58 --target-tags=a,b",
    ),
    "an egress rule, whose remote side is the destination, for a service account": (
        None,
        replace(EGRESS, target_service_accounts=frozenset({"n@p.iam"})),
        "",
        f"{VPC} create fix --project=p --network=default --direction=EGRESS --priority=900"
        " --destination-ranges=10.24.12.0/24,10.24.14.0/24 --allow=tcp:53,tcp:80-90,udp,icmp,58"
        " --target-service-accounts=n@p.iam",
    ),
    "a deny": (
        None,
        replace(INGRESS, action=Action.DENY, l4=(L4Match(None),), local_ranges=(ip_network("10.24.9.0/24"),)),
        "",
        f"{VPC} create fix --project=p --network=default --direction=INGRESS --priority=900"
        " --source-ranges=10.24.12.0/24,10.24.14.0/24 --destination-ranges=10.24.9.0/24 --action=DENY --rules=all",
    ),
    "a rule enabled": (replace(INGRESS, disabled=True), INGRESS, "", f"{VPC} update fix --project=p --no-disabled"),
    "a rule disabled": (INGRESS, replace(INGRESS, disabled=True), "", f"{VPC} update fix --project=p --disabled"),
    "a rule narrowed": (
        INGRESS,
        replace(INGRESS, remote_ranges=RANGES[:1]),
        "",
        f"{VPC} update fix --project=p --source-ranges=10.24.12.0/24",
    ),
    "a rule of a global network policy": (
        None,
        replace(IN_POLICY, target_secure_tags=frozenset({"tagValues/7"})),
        "",
        f"{POLICY} create 99 --project=p --firewall-policy=net --global-firewall-policy --direction=INGRESS --action=allow"
        " --src-ip-ranges=10.24.12.0/24,10.24.14.0/24 --layer4-configs=tcp:53,tcp:80-90,udp,icmp,58"
        " --target-secure-tags=tagValues/7",
    ),
    "a rule of a regional one disabled": (
        replace(IN_POLICY, stage=Stage.REGIONAL),
        replace(IN_POLICY, stage=Stage.REGIONAL, disabled=True),
        "us-east1",
        f"{POLICY} update 99 --project=p --firewall-policy=net --firewall-policy-region=us-east1 --disabled",
    ),
}


@pytest.mark.parametrize("what", LINES)
def test_one_change_is_one_command(what: str) -> None:
    """Everything of a new rule, and of one that is there only what is new."""
    before, after, region, line = LINES[what]
    assert command(Fix("p", (Change(before, after, region),), 1)) == line


def test_several_changes_follow_each_other() -> None:
    """On one line, so that it can be copied; what comes after a failure is not done."""
    off = replace(INGRESS, disabled=True)
    fix = Fix("p", (Change(off, INGRESS), Change(INGRESS, off)), 1)
    assert command(fix) == f"{VPC} update fix --project=p --no-disabled && {VPC} update fix --project=p --disabled"


def test_a_network_of_another_project_gets_its_rule_there() -> None:
    """Under Shared VPC rules belong to the host project, not to that of the machines."""
    shared = replace(INGRESS, network="projects/host/global/networks/shared")
    assert "--project=host --network=shared" in command(Fix("service", (Change(None, shared),), 1))


def test_what_a_shell_would_take_apart_is_quoted() -> None:
    """A project that is no project's name stays one word, and starts nothing."""
    assert "--project=p; reboot" in shlex.split(command(Fix("p; reboot", (Change(None, INGRESS),), 1)))
