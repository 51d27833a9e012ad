"""How is a fact of the firewall written down? A sentence, a recording, and flows with their whole answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """`id` is section.subject.case of the facts; `answers` are by flow, as `world.flow` writes it."""

    id: str
    sentence: str
    recording: Json
    answers: dict[str, Json]


def receives(prediction: str, *names: str, sender: str = "implied-allow-egress") -> Json:
    """The receiver's ingress decides, after the sender's egress let it go; `sender=""` for a peer outside."""
    return said(prediction, list(names), [sender] if sender else [], list(names))


def sends(prediction: str, *names: str, receiver: str = "") -> Json:
    """The sender's egress decides; the receiver is outside, is not asked, or comes to less."""
    return said(prediction, list(names), list(names), [receiver] if receiver else [])


def whole(prediction: str, name: str) -> Json:
    """Decided for the flow as a whole."""
    return said(prediction, [name], [name], [name])


def said(prediction: str, decided_by: list[str], egress: list[str], ingress: list[str]) -> Json:
    """All fields of an answer but its `id`."""
    return {
        "prediction": prediction,
        "decidedBy": decided_by,
        "egressDecidedBy": egress,
        "ingressDecidedBy": ingress,
    }
