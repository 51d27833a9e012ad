"""Which rules does a pattern of reached and silent ports speak of? The port signature: firewall tomography, without asking the firewall.

Each rule's allow-set, restricted to what was tried, is a set of bits. Rules together explain what crosses if their sets make up exactly
that; a rule that admits something silent is not in force for this path, unless a rule that is asked before it, or one on the sender's
side, may take that out. So a deny can be part of an explanation, too: one alone, or all that are known together.

    tried           icmp  tcp/80  tcp/443  tcp/53  udp/53
    crosses            1       1        1       0       0      akrobateo-fw-traefik 01100 ∪ default-allow-icmp 10000
    gke-…-all          1       1        1       1       1      not in force

The rules are the last known ones, or, where none were ever read, those that everybody has (core/signatures/catalogue). That no others
exist is assumed: a deny that nobody knows could hide a rule that is said not to be in force.
"""

from __future__ import annotations

from functools import partial

from pathcheck.core.rules.index import LOWEST_PRIORITY
from pathcheck.core.rules.phrase import range_of
from pathcheck.core.rules.walk import rules_in
from pathcheck.core.signatures.catalogue import POD_RULES, SOME_PORTS
from pathcheck.core.signatures.causes import causes
from pathcheck.core.signatures.contrast import holds, telling
from pathcheck.core.signatures.suspects import Suspects
from pathcheck.core.signatures.tried import Tried, places, tried_between, union
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Endpoint
from pathcheck.model.rules import Rule
from pathcheck.model.signature import Ends, Pattern, Signature
from pathcheck.model.words import Action, Vantage

NAMED = 3
"""So many causes are named."""
_MOST_KEPT = 1_000


def sign(pattern: Pattern, ends: Ends, known: Firewall | None = None) -> Signature:
    """The signature of this path. `known` are the last known rules, possibly old ones; None: those that everybody has.

    Total: what cannot be judged is a candidate, never excluded, and named where something stays unexplained.
    """
    if not pattern.crossing or not pattern.silent:
        return Signature(pattern, well_known=known is None)
    tried = tried_between(ends, pattern, known)
    # An operator asks the same at every look, and many pairs of nodes are alike.
    key = ("signature", pattern, tried.l4s, tried.into, tried.out, is_pod(ends.sender, known))
    kept = tried.firewall.compiled.get(key)
    if not isinstance(kept, Signature):
        kept = _sign(pattern, tried, is_pod(ends.sender, known), known is None)
        if len(tried.firewall.compiled) < _MOST_KEPT:
            tried.firewall.compiled[key] = kept
    return kept


def _sign(pattern: Pattern, tried: Tried, from_pod: bool, well_known: bool) -> Signature:
    silent, crossing = list(places(tried.silent)), list(places(tried.crossing))
    excluded = union(tried.admitting(n) & ~_hidden(tried, n) for n in silent)
    doubted = union(tried.admitting(n) & ~_hidden(tried, n, by_unread=False) for n in silent) & tried.sure & ~excluded
    candidates = union(map(tried.admitting, crossing)) & ~excluded
    found = causes(tried, excluded)
    named = tuple(found.causes[:NAMED])
    ports, told_apart = telling(named, pattern, SOME_PORTS)
    surely, perhaps = excluded & tried.sure, excluded & ~tried.sure
    unexplained = tried.crossing & ~found.explained
    doubtful = union(1 << n for n in silent if tried.admitting(n) & doubted)
    unjudged = [*_unread(tried.into, tried, unexplained | doubtful), *_unread(tried.out, tried, doubtful)]
    rules = partial(rules_in, tried.into.index)
    return Signature(
        pattern,
        named,
        more=len(found.causes) - len(named),
        complete=found.complete,
        smallest=found.smallest,
        unexplained=tuple(pattern.crossing[n] for n in places(unexplained)),
        candidates=tuple(rules(candidates)),
        excluded=(*rules(surely), *rules(perhaps)),
        surely_excluded=surely.bit_count(),
        no_pod_rule=from_pod and any(_admitted_by_pod_rules(tried, n) for n in silent),
        unjudged=tuple(unjudged),
        doubted=tuple(rules(doubted)),
        telling=ports,
        told_apart=told_apart,
        well_known=well_known,
    )


def _hidden(tried: Tried, n: int, by_unread: bool = True) -> int:
    """The rules of the receiver's side whose admission of the n-th would not show, since another rule may take it out before."""
    into, l4, everything = tried.into, tried.l4s[n], tried.into.index.everything
    if _taking(tried.out, l4, by_unread):
        return everything
    takers = _taking(into, l4, by_unread)
    hidden = everything & -(takers & -takers) if takers else 0
    skips = into.index.doing[Action.GOTO_NEXT] & into.about.possible & into.index.traffic(l4).possible
    for place in places(skips):
        hidden |= into.index.run_of[place] & -(1 << place)
    return hidden | into.index.tied.get(LOWEST_PRIORITY, 0)


def _taking(side: Suspects | None, l4: L4, by_unread: bool = True) -> int:
    """What may keep it out: of a rule that cannot be read, not even whether it allows or denies is known."""
    if side is None:
        return 0
    index = side.index
    taking = (index.doing[Action.DENY] | index.doing[Action.INSPECT]) & ~index.unread
    taking |= index.unread if by_unread else 0
    return taking & side.about.possible & index.traffic(l4).possible


def _unread(side: Suspects | None, tried: Tried, of: int) -> list[Rule]:
    """The rules that could not be read and may be about any of this."""
    if side is None:
        return []
    index = side.index
    bits = union(index.traffic(tried.l4s[n]).possible for n in places(of))
    return rules_in(index, bits & index.unread & side.about.possible)


def _admitted_by_pod_rules(tried: Tried, n: int) -> bool:
    """Whether a rule for a pod range would admit the n-th, and nothing that is known may take it out."""
    l4 = tried.l4s[n]
    return any(holds(rule, l4) for rule in POD_RULES) and not (_taking(tried.into, l4) or _taking(tried.out, l4))


def is_pod(end: Endpoint | None, known: Firewall | None) -> bool:
    """Whether this is a pod, as far as anybody says: its vantage, or a range that is delivered to its machine."""
    if end is None or end.vantage is not None:
        return end is not None and end.vantage is Vantage.POD
    return known is not None and range_of(end, known).num_addresses > 1
