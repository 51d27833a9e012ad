"""How is a prediction with its reasons shown, to scripts and to people? The same for one flow and for many."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from pathcheck.model.firewall import Explanation, Step
from pathcheck.model.words import Prediction

_GLYPHS = {Prediction.PERMITTED: ("●", "green"), Prediction.BLOCKED: ("✕", "red")}
_MATCHED = {True: "yes", False: "no", None: "maybe"}


def glyph_of(prediction: Prediction) -> str:
    """The sign that stands for it, in its colour."""
    glyph, colour = _GLYPHS.get(prediction, ("?", "yellow"))
    return typer.style(glyph, fg=colour, bold=True)


def as_fields(explanation: Explanation) -> dict[str, object]:
    """Names and values for scripts; docs/predict.md promises them."""
    return {
        "prediction": explanation.prediction,
        "decidedBy": [*explanation.decided_by],
        "egressDecidedBy": [*explanation.egress],
        "ingressDecidedBy": [*explanation.ingress],
        "nearMisses": [
            {"rule": m.rule.id, "fields": [*m.fields], "sentence": m.sentence} for m in explanation.near_misses
        ],
        "obstacles": [
            {"name": o.name, "stage": o.stage, "direction": o.direction, "sentence": o.sentence}
            for o in explanation.obstacles
        ],
    }


def trace_fields(steps: Sequence[Step]) -> list[dict[str, object]]:
    """The trace for scripts; `field` is null where the rule matched or may."""
    return [
        {
            "direction": step.direction,
            "rule": step.name,
            "matched": _MATCHED[step.matched],
            "field": step.field or None,
            "sentence": step.sentence,
        }
        for step in steps
    ]


def trace_lines(steps: Sequence[Step]) -> list[str]:
    """The trace for people: side, whether the rule matched, its name, and why."""
    widest = max((len(step.name) for step in steps), default=0)
    return [
        f"{step.direction:7}  {_MATCHED[step.matched]:5}  {step.name:{widest}}  {step.sentence}".rstrip()
        for step in steps
    ]
