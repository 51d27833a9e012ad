"""A fix → the lines to type.

https://cloud.google.com/sdk/gcloud/reference/compute/firewall-rules and …/compute/network-firewall-policies/rules
"""

from __future__ import annotations

import shlex

from pathcheck.model.fixes import Change, Fix
from pathcheck.model.rules import Rule
from pathcheck.model.words import Action
from pathcheck.wire.rule_words import is_regional, owner_of, ranges_of, traffic_of

Flags = dict[str, str | bool]


def command(fix: Fix) -> str:
    """On one line: each command only after the one before it was done."""
    return " && ".join(lines(fix))


def lines(fix: Fix) -> list[str]:
    """One command a change, quoted for a POSIX shell where it must be."""
    return [shlex.join(_words(change, fix)) for change in fix.changes]


def _words(change: Change, fix: Fix) -> list[str]:
    rule = change.after
    verb = "create" if change.before is None else "update"
    what = _everything(rule) if change.before is None else _difference(change.before, rule)
    project, network = owner_of(rule, fix)
    if rule.policy:
        where: Flags = {"project": project, "firewall-policy": rule.policy}
        where |= {"firewall-policy-region": change.region} if is_regional(rule) else {"global-firewall-policy": True}
        start = ["gcloud", "compute", "network-firewall-policies", "rules", verb, str(rule.priority)]
    else:
        where = {"project": project, "network": network if change.before is None else ""}
        start = ["gcloud", "compute", "firewall-rules", verb, rule.name]
    flags = where | what
    return [*start, *(f"--{flag}" if value is True else f"--{flag}={value}" for flag, value in flags.items() if value)]


def _everything(rule: Rule) -> Flags:
    sources, destinations = map(",".join, ranges_of(rule))
    accounts = ",".join(sorted(rule.target_service_accounts))
    direction: Flags = {"direction": rule.direction.upper()}
    if rule.policy:
        return direction | {
            "action": rule.action.value,
            "src-ip-ranges": sources,
            "dest-ip-ranges": destinations,
            "layer4-configs": _traffic(rule),
            "target-secure-tags": ",".join(sorted(rule.target_secure_tags)),
            "target-service-accounts": accounts,
        }
    flags = direction | {
        "priority": str(rule.priority),
        "source-ranges": sources,
        "destination-ranges": destinations,
    }
    allows = rule.action is Action.ALLOW
    flags |= {"allow": _traffic(rule)} if allows else {"action": "DENY", "rules": _traffic(rule)}
    return flags | {"target-tags": ",".join(sorted(rule.target_tags)), "target-service-accounts": accounts}


def _difference(before: Rule, after: Rule) -> Flags:
    """`candidates` changes whether a rule is disabled, and its remote ranges; nothing else."""
    flags: Flags = {}
    if before.disabled is not after.disabled:
        flags["disabled" if after.disabled else "no-disabled"] = True
    if before.remote_ranges != after.remote_ranges:
        names = ("src-ip-ranges", "dest-ip-ranges") if after.policy else ("source-ranges", "destination-ranges")
        for name, old, new in zip(names, ranges_of(before), ranges_of(after), strict=True):
            if old != new:
                flags[name] = ",".join(new)
    return flags


def _traffic(rule: Rule) -> str:
    """One `protocol[:ports]` for each port, since the flag's list is split at commas."""
    words = [[f"{protocol}:{port}" for port in ports] or [protocol] for protocol, ports in traffic_of(rule).items()]
    return ",".join(word for some in words for word in some)
