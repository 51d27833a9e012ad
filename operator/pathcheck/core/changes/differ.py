"""What differs between two readings of a firewall: what was edited, and which packets are permitted no longer because of it?

Both must have read the same: a list that only one of them has would look like rules that came or went (wire/kept.py sees to that).
Machines that come and go are not told: clusters grow and shrink, and no rule is otherwise for it. The names a machine carries are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pathcheck.core.changes.edited_places import identity, machines, networks, routes
from pathcheck.core.changes.edited_rules import policies, vpc_rules
from pathcheck.core.changes.edits import paired
from pathcheck.core.changes.territory import told
from pathcheck.core.fixes.flips import flips
from pathcheck.model.drift import Difference
from pathcheck.model.firewall import Firewall
from pathcheck.model.rules import L4Match, Rule

_MOST_LINES = 8
# Changed rules times machines: each pair of what they part is predicted twice, some seconds in all at this many.
_MOST_WORK = 16_000
_ANYTHING = (L4Match(None),)


def differ(before: Firewall, after: Firewall) -> Difference:
    """The edits, and what they close and open between all addresses; nothing where no packet can meet anything else."""
    changes = [edited for kind in (vpc_rules, policies, networks, machines, routes) for edited in kind(before, after)]
    names = [n.name for n in after.networks] or sorted({r.network for r in after.rules})
    changed = [rule for _, rules in changes for r in rules if r.in_force for rule in _spread(r, names)]
    edits = tuple(edit for edit, _ in changes)
    ground = _ground(before, after)
    if changed and not ground.instances:
        return Difference(edits, untold="the two have no machine in common")
    if len(changed) * len(ground.instances) > _MOST_WORK:
        return Difference(
            edits, untold=f"{len(changed)} rules among {len(ground.instances)} machines are too many to tell"
        )
    found = flips(list(dict.fromkeys(changed)), before, after, ground=ground)
    lines = [(flip.opened, told(flip, changed, ground)) for flip in found[:_MOST_LINES]]
    return Difference(
        edits,
        closes=tuple(dict.fromkeys(line for opened, line in lines if not opened)),
        opens=tuple(dict.fromkeys(line for opened, line in lines if opened)),
        beyond=max(len(found) - _MOST_LINES, 0),
    )


def _ground(before: Firewall, after: Firewall) -> Firewall:
    """Machines that both have, with all names that they carry in either: whichever rule is for them in one of the two is asked."""
    both = []
    for old, new in paired(before.instances, after.instances, identity):
        if old is not None and new is not None:
            secure = None if old.secure_tags is None or new.secure_tags is None else old.secure_tags | new.secure_tags
            both.append(
                replace(
                    new,
                    tags=old.tags | new.tags,
                    service_accounts=old.service_accounts | new.service_accounts,
                    secure_tags=secure,
                )
            )
    return replace(after, instances=tuple(both))


def _spread(rule: Rule, networks: Sequence[str]) -> Iterator[Rule]:
    """A rule as broad as it may be: what could not be read of one may be one more source, one more target, any traffic, any network."""
    if rule.cannot_tell or not rule.l4:
        rule = Rule(
            rule.name,
            rule.network,
            rule.direction,
            rule.priority,
            rule.action,
            rule.l4 or _ANYTHING,
            stage=rule.stage,
            policy=rule.policy,
        )
    if rule.network:
        yield rule
    else:
        yield from (replace(rule, network=network) for network in networks)
