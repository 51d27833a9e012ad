"""A fix as the line to type."""

from __future__ import annotations

import shlex
from ipaddress import ip_network

from pathcheck.model.firewall import Fix
from pathcheck.model.rules import L4Match, PortRange, Rule
from pathcheck.model.words import Action, Direction
from pathcheck.wire.gcloud import command

L4 = (L4Match(6, (PortRange(53, 53), PortRange(80, 90))), L4Match(17), L4Match(1), L4Match(58))


def rule(direction: Direction, **changes: object) -> Rule:
    fields: dict[str, object] = {"l4": L4, "remote_ranges": (ip_network("10.24.12.0/24"), ip_network("10.24.14.0/24"))}
    return Rule("fix", "default", direction, 900, Action.ALLOW, **(fields | changes))  # type: ignore[arg-type]


def test_an_ingress_rule() -> None:
    """Every flag is written out; protocols without a name at gcloud are numbers."""
    line = command(Fix("p", rule(Direction.INGRESS, target_tags=frozenset({"b", "a"})), 1))
    assert line == (
        "gcloud compute firewall-rules create fix --project=p --network=default --direction=INGRESS --priority=900"
        " --source-ranges=10.24.12.0/24,10.24.14.0/24 --allow=tcp:53,tcp:80-90,udp,icmp,58 --target-tags=a,b"
    )


def test_an_egress_rule() -> None:
    """The remote side of egress is the destination; a service account is the target where no tag is."""
    line = command(Fix("p", rule(Direction.EGRESS, target_service_accounts=frozenset({"n@p.iam"})), 1))
    assert line == (
        "gcloud compute firewall-rules create fix --project=p --network=default --direction=EGRESS --priority=900"
        " --destination-ranges=10.24.12.0/24,10.24.14.0/24 --allow=tcp:53,tcp:80-90,udp,icmp,58"
        " --target-service-accounts=n@p.iam"
    )


def test_a_network_of_another_project_gets_its_rule_there() -> None:
    """Under Shared VPC rules belong to the host project, not to that of the machines."""
    fix = Fix("service", Rule("fix", "projects/host/global/networks/shared", Direction.INGRESS, 9, Action.ALLOW, L4), 1)
    assert "--project=host --network=shared" in command(fix)


def test_what_a_shell_would_take_apart_is_quoted() -> None:
    """A project that is no project's name stays one word, and starts nothing."""
    line = command(Fix("p; reboot", rule(Direction.INGRESS), 1))
    assert "--project=p; reboot" in shlex.split(line)
