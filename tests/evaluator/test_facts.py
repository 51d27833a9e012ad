"""Sections 1 to 4 of what is known about Google Cloud's firewall, sentence by sentence: both programs answer each as it says."""

from __future__ import annotations

import pytest

from pathcheck.cli.flows import answers
from tests.evaluator import reference
from tests.evaluator.fact import Fact
from tests.evaluator.facts import order, pods, policies, vpc_rules
from tests.evaluator.world import flow

FACTS = [*order.FACTS, *vpc_rules.FACTS, *pods.FACTS, *policies.FACTS]

facts = pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.id)


@facts
def test_the_reference_says_so(fact: Fact) -> None:
    """The reference evaluator answers with the same prediction by the same rules."""
    got = {text: reference.answer(fact.recording, flow(text)) for text in fact.answers}
    assert got == {text: {"id": text, **answer} for text, answer in fact.answers.items()}, fact.sentence


@facts
def test_the_product_says_so(fact: Fact) -> None:
    """So does `pathcheck predict --flows`."""
    got = answers(fact.recording, [flow(text) for text in fact.answers])
    expected = [{"id": text, **answer} for text, answer in fact.answers.items()]
    assert [{key: one[key] for key in expected[0]} for one in got] == expected, fact.sentence


def test_every_sentence_has_a_name_of_its_own() -> None:
    """A row is found by its id."""
    assert len({fact.id for fact in FACTS}) == len(FACTS)
