"""May this rule have to do with that: a family of addresses, other rules' traffic, a machine, an address? Too often yes is safe."""

from __future__ import annotations

from collections.abc import Sequence

from pathcheck.core.fixes.atlas import Tract
from pathcheck.model.machines import Instance
from pathcheck.model.rules import L4Match, Rule


def speaks(rule: Rule, version: int) -> bool:
    return any(r.version == version for r in rule.remote_ranges) or rule.any_remote or not rule.remote_ranges


def overlaps(rule: Rule, changed: Sequence[Rule]) -> bool:
    """Whether it can tell apart any packets that the changed rules are about, by protocol and port."""
    if not rule.in_force:
        return False
    theirs = [entry for other in changed for entry in other.l4]
    return not rule.l4 or any(_alike(mine, their) for mine in rule.l4 for their in theirs)


def _alike(one: L4Match, other: L4Match) -> bool:
    if None in (one.protocol, other.protocol) or one.protocol != other.protocol:
        return None in (one.protocol, other.protocol)
    if not one.ports or not other.ports:
        return True
    return any(p.first <= q.last and q.first <= p.last for p in one.ports for q in other.ports)


def aims_at(rule: Rule, machine: Instance) -> bool:
    """Whether a rule may be for this machine."""
    return (
        rule.any_target
        or bool(rule.target_tags & machine.tags or rule.target_service_accounts & machine.service_accounts)
        or bool(
            rule.target_secure_tags and (machine.secure_tags is None or rule.target_secure_tags & machine.secure_tags)
        )
    )


def hears(rule: Rule, tract: Tract) -> bool:
    """Whether the rule may be about this remote tract: by range, or by some name that its machine may carry."""
    named = rule.remote_tags or rule.remote_service_accounts or rule.remote_secure_tags or rule.remote_unsure
    if rule.any_remote or (named and tract.machine is not None) or rule.remote_unsure:
        return True
    return any(tract.endpoint.address in r for r in rule.remote_ranges)
