"""How is a port signature said? One sentence: what crosses, which rules admit exactly that, and which rule is not in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pathcheck.core.rules.near_misses import listed
from pathcheck.core.rules.walk import spoken_of
from pathcheck.core.signatures.contrast import holds
from pathcheck.model.flows import L4
from pathcheck.model.rules import Rule
from pathcheck.model.signature import Cause, Pattern, Signature

_MOST_NAMED = 3

Path = tuple[str, str]
"""From one node to another."""


def pronounce(signature: Signature, where: str = "") -> str:
    """The sentence. `where` says between which ends, such as `from node-2 to node-1`."""
    pattern = signature.pattern
    where = f" {where}" if where else ""
    mixed = f"; {_crosses(pattern.mixed)} and {_is(pattern.mixed)} silent as well: left out" if pattern.mixed else ""
    if not pattern.silent:
        return (
            f"everything that was tried crosses{where} ({listed(pattern.crossing)}): nothing is to be explained{mixed}"
        )
    if not pattern.crossing:
        return (
            f"nothing that was tried crosses{where} ({listed(pattern.silent)}): "
            f"no allow rule is about it, or a deny, the route or the node is in the way{mixed}"
        )
    clauses = [_unexplained(signature), _not_in_force(signature), _doubted(signature), _apart(signature)]
    if signature.well_known:
        clauses.append("these are rules that everybody has: the project's own are not known")
    said = "".join(f"; {clause}" for clause in clauses if clause)
    what = f"only {_crosses(pattern.crossing)}"
    if signature.causes and signature.causes[0].denies:
        what = f"everything that was tried but {listed(pattern.silent)} crosses"
    return f"{what}{where}{_explained(signature)}{mixed}{said}"


def between(paths: Sequence[Path]) -> str:
    """`from node-2 to node-1`, `on node-1 → node-2, node-2 → node-1`, `on 6 paths, such as node-1 → node-2`."""
    if len(paths) == 1:
        return f"from {paths[0][0]} to {paths[0][1]}"
    arrows = [f"{source} → {target}" for source, target in paths]
    return f"on {', '.join(arrows)}" if len(paths) <= 3 else f"on {len(paths)} paths, such as {arrows[0]}"


def spoken_rules(signature: Signature) -> list[Rule]:
    """The project's rules that the sentence names, once each: those of the causes, then those that are not in force."""
    if signature.well_known:
        return []
    alike = [rule for cause in signature.causes for rules in cause.allows for rule in rules[:_MOST_NAMED]]
    denies = [rule for cause in signature.causes for rule in cause.denies]
    return list(dict.fromkeys([*alike, *denies, *_only(signature), *_expected(signature), *signature.doubted]))


def _crosses(l4s: Sequence[L4]) -> str:
    return f"{listed(l4s)} {'crosses' if len(l4s) == 1 else 'cross'}"


def _is(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def _explained(signature: Signature) -> str:
    if not signature.causes:
        return ""
    first, *others = signature.causes
    would = "would " if signature.well_known else ""
    what = "exactly what" if not signature.unexplained else f"but for {listed(signature.unexplained)} exactly what"
    admit = _admit(first, would)
    alternatives = "".join(f", or what {_admit(cause, would)}" for cause in others)
    if not signature.smallest:
        alternatives += " (not all sets of rules were tried: a smaller one may do)"
    elif signature.more or not signature.complete:
        more = f"at least {signature.more}" if not signature.complete else str(signature.more)
        alternatives += f" ({more} more such sets of rules)" if signature.more else " (perhaps more such sets of rules)"
    return f": {what} {admit}{alternatives}"


def _admit(cause: Cause, would: str) -> str:
    """`a and b admit`, `a (or b) admits`, `a admits, but for what d denies`."""
    names = [_either(alike) for alike in cause.allows]
    one = len(names) == 1
    said = f"{_joined(names)} {would}{'admit' if not one or would else 'admits'}"
    if cause.denies:
        denied = _joined([rule.spoken for rule in cause.denies])
        said += f", but for what {denied} {would}{'deny' if len(cause.denies) > 1 or would else 'denies'}"
    return said


def _either(alike: Sequence[Rule]) -> str:
    first, *others = [rule.spoken for rule in alike]
    more = len(others) - _MOST_NAMED + 1
    named = [*others[: _MOST_NAMED - 1], *([f"{more} more"] if more > 0 else [])]
    return f"{first} (or {', '.join(named)})" if named else first


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _unexplained(signature: Signature) -> str:
    """What no rule explains: because none admits it, or only some that would admit what is silent as well."""
    left = signature.unexplained
    if not left:
        return ""
    only = _only(signature)
    told = f"no known rule admits {listed(left)}"
    if only:
        silent = _silent_of(only, signature.pattern)
        told += f" but {_names(only)}, which would admit {silent} as well: a rule is not known, or something else keeps {silent} out"
    if signature.unjudged:
        told += f"; {_unjudged(signature)} may, but cannot be judged"
    return told


def _unjudged(signature: Signature) -> str:
    """The rule of policies that nobody knows has no name, and one for each direction."""
    return _few(list(dict.fromkeys(map(spoken_of, signature.unjudged))))


def _only(signature: Signature) -> list[Rule]:
    """Excluded rules without which something that crosses has none."""
    return [rule for rule in signature.excluded if any(holds(rule, l4) for l4 in signature.unexplained)]


def _not_in_force(signature: Signature) -> str:
    only, expected = _only(signature), _expected(signature)
    surely = [rule for rule in expected if rule in signature.excluded[: signature.surely_excluded]]
    if signature.no_pod_rule and (signature.well_known or not (surely or only)):
        return "no rule for the pod range" + (", such as gke-…-all," if signature.well_known else "") + " is in force"
    if not expected:
        return ""
    told = f"{_names(expected)} {_is(expected)} not in force"
    if not surely:
        return f"{told} for it"
    return f"{told}: {'it' if len(expected) == 1 else 'they'} would admit {_silent_of(expected, signature.pattern)} as well"


def _doubted(signature: Signature) -> str:
    """Rules of which it would be said that they are not in force, were it not for what cannot be judged."""
    doubted = signature.doubted
    if not doubted:
        return ""
    silent, them = _silent_of(doubted, signature.pattern), "it is" if len(doubted) == 1 else "they are"
    return f"{_names(doubted)} would admit {silent} as well: {them} not in force, unless {_unjudged(signature)} denies that"


def _expected(signature: Signature) -> list[Rule]:
    """Excluded rules that one would expect: surely about these ends, or, where none is, for everything that is silent."""
    only, silent = _only(signature), signature.pattern.silent
    surely = [rule for rule in signature.excluded[: signature.surely_excluded] if rule not in only]
    wide = [r for r in signature.excluded if r not in only and all(holds(r, l4) for l4 in silent)]
    return surely or wide


def _silent_of(rules: Iterable[Rule], pattern: Pattern) -> str:
    rules = list(rules)
    return listed(l4 for l4 in pattern.silent if any(holds(rule, l4) for rule in rules))


def _names(rules: Sequence[Rule]) -> str:
    return _few([rule.spoken for rule in rules])


def _few(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return _joined([*names[:_MOST_NAMED], f"{more} more"] if more > 0 else names)


def _apart(signature: Signature) -> str:
    """What else to try."""
    them = "them" if signature.told_apart else "some of them"
    return f"{_joined([str(l4) for l4 in signature.telling])} would tell {them} apart" if signature.telling else ""
