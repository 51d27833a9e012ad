"""What mends a check that takes the firewall's word? One proposal for all that is not as expected, proved again with it in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pathcheck.core.fixes.mend import wishes_of
from pathcheck.core.fixes.propose import changed, propose
from pathcheck.core.proofs.foresee import Foreseen, foresee
from pathcheck.model.findings import Finding
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Range
from pathcheck.model.plans import Bundle, Plan
from pathcheck.model.words import Expectation, Verdict

# What else a fix opens is asked of every two machines, on the operator's only thread.
MOST_MACHINES = 300


def remedy(
    foreseen: Foreseen,
    name: str,
    bundles: Sequence[Bundle],
    expectation: Expectation,
    plans: Iterable[tuple[Expectation, Plan]],
    sources: tuple[Range, ...],
    firewall: Firewall,
) -> tuple[Finding, ...]:
    """The findings, the first violated one with the fix for all of them, and what else that does or why there is none."""
    first = next((f for f in foreseen.findings if f.verdict is Verdict.VIOLATED), None)
    if first is None:
        return foreseen.findings
    if len(firewall.instances) > MOST_MACHINES:
        many = f"no fix: what else it would open is not worked out among more than {MOST_MACHINES} machines"
        return tuple(replace(f, fix_note=many) if f is first else f for f in foreseen.findings)
    # A flow on every port may come to different things; here it is what the worst of them comes to.
    reasons = {
        flow: j.explanation for j in foreseen.judgements if j.verdict is Verdict.VIOLATED for flow in j.at_firewall
    }
    proposal = propose(name, tuple(reasons), expectation, sources, wishes_of(plans), firewall, reasons)
    proved = next((fix for fix in proposal.fixes if _mends(bundles, expectation, changed(firewall, fix.changes))), None)
    if proved is not None:
        with_fix = replace(first, fix=proved, fix_note=proved.besides)
    else:
        with_fix = replace(first, fix_note=f"no fix: {proposal.why_not or 'no single change covers all of it'}")
    return tuple(with_fix if f is first else f for f in foreseen.findings)


def _mends(bundles: Sequence[Bundle], expectation: Expectation, after: Firewall) -> bool:
    return all(j.verdict is Verdict.UPHELD for j in foresee(bundles, expectation, after).judgements)
