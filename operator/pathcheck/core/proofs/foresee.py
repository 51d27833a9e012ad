"""What does a check come to that takes the firewall's word? Bundles of flows, proved by kinds, judged and told by cause.

A judgement stands for all pairs of two kinds with one protocol, and is what the worst of their addresses and ports come to. A finding is
told of everything that is not as expected, whether or not something worse hides it in the judgement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pathcheck.core.checks.judge import accept
from pathcheck.core.proofs.alike import endpoint_of, interval_of
from pathcheck.core.proofs.cases import WORST_FIRST, Case, Piecemeal, TooManyKindsError, cases
from pathcheck.core.rules.phrase import describe
from pathcheck.core.rules.ports import merged, spoken
from pathcheck.model.findings import Finding, Judgement, Seen
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.plans import Bundle
from pathcheck.model.proofs import Span
from pathcheck.model.rules import L4Match, PortRange
from pathcheck.model.words import Expectation, Observation, Prediction, Reason, Verdict

# Pairs of kinds: with six protocols each takes a third of a millisecond on the operator's only thread. Pools of equal nodes are a handful
# of kinds.
MOST_KINDS = 5_000
_FEW = 256
_FEW_ENDS = 16
_VERDICTS = (Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.UPHELD)
_NO_FAMILY = Explanation(
    Prediction.UNDETERMINED, ("undecided:addresses",), "the two ends have no addresses of one family"
)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Judgements of all flows, and findings of those that are not as expected, worst first. `violated` are an example of each piece."""

    judgements: tuple[Judgement, ...]
    findings: tuple[Finding, ...]


def foresee(bundles: Sequence[Bundle], expectation: Expectation, firewall: Firewall) -> Foreseen:
    """Everything these bundles ask, proved; once for each firewall, since an operator asks the same at every look."""
    key = ("foreseen", tuple(bundles), expectation)
    known = firewall.compiled.get(key)
    if not isinstance(known, Foreseen):
        try:
            known = _foresee(bundles, expectation, firewall)
        except TooManyKindsError as error:
            known = unread(bundles, str(error), pending=False)
        firewall.compiled[key] = known
    return known


def _foresee(bundles: Sequence[Bundle], expectation: Expectation, firewall: Firewall) -> Foreseen:
    judgements: list[Judgement] = []
    causes: dict[tuple[Verdict, Reason, tuple[str, ...]], _Cause] = {}
    for case in cases_of(bundles, firewall, MOST_KINDS):
        pieces = sorted(case.pieces, key=lambda p: _rank(p.explanation, expectation)) or [_apart(case)]
        judgements.append(_judgement(case, pieces[0], expectation))
        for cause, piece in _unlike(pieces, expectation):
            known = causes.setdefault(cause, _Cause(piece.explanation))
            known.add(case, piece)
    findings = [_finding(*key, cause, firewall) for key, cause in causes.items()]
    findings.sort(key=lambda f: (_VERDICTS.index(f.verdict), -f.total, f.reason, f.sentence))
    return Foreseen(tuple(judgements), tuple(findings))


def unread(bundles: Sequence[Bundle], why: str, pending: bool) -> Foreseen:
    """The same where there is no firewall to ask: all unknown. `pending`: it is being read for the first time."""
    explanation = Explanation(Prediction.UNDETERMINED, why=why)
    reason = Reason.FIREWALL_UNDETERMINED
    judgements = []
    for bundle in bundles:
        for l4 in bundle.traffic:
            flow = next(_flows(bundle.sources, bundle.destinations, l4))
            seen = Seen(Observation.UNMEASURED, pending=pending)
            judgements.append(Judgement(flow, seen, explanation, Verdict.UNKNOWN, reason, count=bundle.pairs))
    if not judgements:
        return Foreseen((), ())
    flows = tuple(j.flow for j in judgements)
    told = Finding(reason, Verdict.UNKNOWN, flows, f"the firewall's answer is not known: {why}", count=_sum(judgements))
    return Foreseen(tuple(judgements), (told,))


def samples(bundles: Sequence[Bundle], firewall: Firewall, most: int = 1_000_000) -> Iterator[Flow]:
    """One flow for every piece of these bundles that comes to the same.

    Raises TooManyKindsError for more than `most` pairs of kinds.
    """
    return (piece.example for case in cases_of(bundles, firewall, most) for piece in case.pieces)


def cases_of(bundles: Sequence[Bundle], firewall: Firewall, most: int) -> Iterator[Case]:
    """Every case of these bundles.

    Raises TooManyKindsError for more than `most` pairs of kinds.
    """
    for bundle in bundles:
        yield from cases(bundle.sources, bundle.destinations, _matches(bundle.traffic), firewall, most)


@dataclass(slots=True)
class _Cause:
    """What has one cause: where it is, on which ports, and in how many flows."""

    explanation: Explanation
    nearest: str = ""
    sources: dict[Span, None] = field(default_factory=dict)
    destinations: dict[Span, None] = field(default_factory=dict)
    traffic: list[L4Match] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    paths: int = 0
    last: Case | None = None

    def add(self, case: Case, piece: Piecemeal) -> None:
        if not self.nearest and piece.explanation.near_misses:
            self.explanation = piece.explanation
            self.nearest = _of_ranges(piece.explanation.near_misses[0].sentence, case, piece)
        self.sources |= dict.fromkeys(case.senders.apart_from(case.receivers))
        self.destinations |= dict.fromkeys(case.receivers.apart_from(case.senders))
        self.traffic.append(piece.traffic)
        self.flows.append(piece.example)
        if case is not self.last:
            self.last, self.paths = case, self.paths + case.pairs


def _matches(traffic: Iterable[L4]) -> list[L4Match]:
    return [L4Match(l4.protocol, (PortRange(l4.port, l4.port),) if l4.port is not None else ()) for l4 in traffic]


def _rank(explanation: Explanation, expectation: Expectation) -> tuple[int, int]:
    verdict, _ = accept(expectation, explanation.prediction)
    return _VERDICTS.index(verdict), WORST_FIRST.index(explanation.prediction)


def _apart(case: Case) -> Piecemeal:
    """A v4-only node and a v6-only one: nothing can pass, but no rule says so."""
    (flow,) = list(_flows(case.senders.spans, case.receivers.spans, L4(case.asked.protocol or 0)))[:1]
    return Piecemeal((), (), case.asked, flow, (), lambda *_: _NO_FAMILY)


def _judgement(case: Case, worst: Piecemeal, expectation: Expectation) -> Judgement:
    verdict, reason = accept(expectation, worst.explanation.prediction)
    port = case.asked.ports[0].first if case.asked.ports else None
    flow = Flow(worst.example.source, worst.example.destination, L4(worst.example.l4.protocol, port))
    senders, receivers = case.senders.apart_from(case.receivers), case.receivers.apart_from(case.senders)
    # What a rule has to mend is every end, and all of the asked ports, not only those that are shut now.
    across = _flows(senders, receivers, flow.l4, worst.example.source.address.version)
    seen = Seen(Observation.UNMEASURED)
    return Judgement(
        flow,
        seen,
        worst.explanation,
        verdict,
        reason,
        at_firewall=tuple(across) if verdict is Verdict.VIOLATED else (flow,),
        count=case.pairs,
    )


def _unlike(
    pieces: Sequence[Piecemeal], expectation: Expectation
) -> Iterator[tuple[tuple[Verdict, Reason, tuple[str, ...]], Piecemeal]]:
    for piece in pieces:
        verdict, reason = accept(expectation, piece.explanation.prediction)
        if reason is not None:
            yield (verdict, reason, piece.explanation.decided_by), piece


def _finding(
    verdict: Verdict, reason: Reason, decided_by: tuple[str, ...], cause: _Cause, firewall: Firewall
) -> Finding:
    traffic = spoken(merged(cause.traffic))
    across = list(_flows(list(cause.sources), list(cause.destinations), cause.flows[0].l4))
    said = describe(across, cause.explanation, firewall, (), traffic)
    if cause.nearest:
        said = said.replace(cause.explanation.near_misses[0].sentence, cause.nearest)
    where = f"{traffic} from {_ranges(cause.sources)} to {_ranges(cause.destinations)}"
    sentence = {
        Reason.FIREWALL_WOULD_BLOCK: said,
        Reason.FIREWALL_WOULD_PERMIT: f"{where} must stay isolated: {said}",
    }.get(reason, f"{where}: the firewall's answer cannot be told: {said}")
    return Finding(
        reason, verdict, tuple(cause.flows), sentence, ", ".join(decided_by), cause.nearest, count=cause.paths
    )


def _of_ranges(sentence: str, case: Case, piece: Piecemeal) -> str:
    """What is said of the example's address, said of its range where that is alike from end to end."""
    ends = (
        (piece.example.source, case.senders, piece.source),
        (piece.example.destination, case.receivers, piece.destination),
    )
    for end, kind, look in ends:
        for range_ in (r for span in kind.spans if span.name == end.name for r in span.ranges if end.address in r):
            if (range_.version, *interval_of(range_)) in (piece for _, piece in kind.looks[look]):
                sentence = sentence.replace(f"but {end.address} is", f"but {range_} is")
    return sentence


def _flows(sources: Sequence[Span], destinations: Sequence[Span], l4: L4, version: int = 0) -> Iterator[Flow]:
    """Flows between machines, every pair if they are few, else some.

    Of this family where one is named.
    """
    ends: dict[int, Endpoint] = {}
    for pair in _few_pairs(sources, destinations):
        for span in pair:
            if id(span) not in ends:
                first = next(r for r in span.ranges if version in (0, r.version))
                ends[id(span)] = endpoint_of(span, first.network_address)
        yield Flow(ends[id(pair[0])], ends[id(pair[1])], l4)


def _few_pairs(sources: Sequence[Span], destinations: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    if len(sources) * len(destinations) <= _FEW:
        yield from ((a, b) for a in sources for b in destinations if a.identity != b.identity)
        return
    # Of very many, a few: whoever uses them proves what comes of it for all.
    for i in range(min(max(len(sources), len(destinations)), _FEW_ENDS)):
        a = sources[i % len(sources)]
        others = (destinations[(i + 1 + k) % len(destinations)] for k in range(len(destinations)))
        yield from ((a, b) for b in islice((span for span in others if span.identity != a.identity), 1))


def _ranges(spans: Iterable[Span]) -> str:
    ranges = [str(r) for span in spans for r in span.ranges]
    return ", ".join(ranges[:8]) + (f" and {len(ranges) - 8} more" if len(ranges) > 8 else "")


def _sum(judgements: Iterable[Judgement]) -> int:
    return sum(j.count for j in judgements)
