"""Do the product and the reference evaluator agree? On random clouds with every kind of rule and policy, flow by flow.

`make test` tries a moderate number. For as long as you like:

    PATHCHECK_FUZZ_EXAMPLES=20000 .venv/bin/python -m pytest tests/evaluator -p no:xdist --timeout 0
"""

from __future__ import annotations

from hypothesis import given

from pathcheck.cli.flows import answers
from tests.evaluator import reference
from tests.evaluator.strategies import Json, examples, recordings, several_flows

COMPARED = ("id", "prediction", "decidedBy", "egressDecidedBy", "ingressDecidedBy")


@examples(40)
@given(recordings(), several_flows)
def test_the_product_agrees_with_the_reference(recording: Json, flows: list[Json]) -> None:
    """The same prediction, by the same rules, on both sides."""
    got = [{key: answer[key] for key in COMPARED} for answer in answers(recording, flows)]
    assert got == [reference.answer(recording, flow) for flow in flows]
