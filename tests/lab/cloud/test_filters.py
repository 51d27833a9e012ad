"""The filter language of list calls, one expression a line."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.lab.cloud.errors import ApiError
from e2e.lab.cloud.filters import parse
from tests.lab.cloud.seeds import DEFAULT, OTHER, entries

RULES = [
    {"name": "one", "network": DEFAULT, "priority": 1000, "disabled": False, "allowed": entries("tcp:80,443")},
    {"name": "two", "network": OTHER, "priority": 900, "disabled": True, "denied": entries("udp:53", "icmp")},
    {"name": "ten-two", "network": DEFAULT, "priority": 65534, "disabled": False, "sourceTags": ["web"]},
]

FILTERS = {
    "": ["one", "two", "ten-two"],
    "name=one": ["one"],
    "name = one": ["one"],
    'name="one"': ["one"],
    "name != one": ["two", "ten-two"],
    "name:two": ["two", "ten-two"],
    "disabled = true": ["two"],
    "disabled=false AND priority=1000": ["one"],
    "(disabled=false) (priority=1000)": ["one"],
    "priority > 950": ["one", "ten-two"],
    "priority<=1000": ["one", "two"],
    "name=one OR name=two": ["one", "two"],
    "(name = one) OR (name = two) AND (disabled = true)": ["two"],
    "NOT name=one": ["two", "ten-two"],
    "NOT (name=one OR name=two)": ["ten-two"],
    f'network = "{OTHER}"': ["two"],
    "denied.IPProtocol = icmp": ["two"],
    "allowed.ports = 443": ["one"],
    "sourceTags:*": ["ten-two"],
    "name eq two": ["two"],
    "name eq .*two": ["two", "ten-two"],
    "name ne .*two": ["one"],
    "name eq (one|two)": ["one", "two"],
    "name eq '(one|ten-.*)'": ["one", "ten-two"],
    'name eq ".*\\btwo\\b.*"': ["two", "ten-two"],
    '(network eq ".*\\bdefault\\b.*")(disabled eq false)': ["one", "ten-two"],
    "(name eq one) (disabled ne true)": ["one"],
}


@pytest.mark.parametrize("text", FILTERS)
def test_filters(text: str) -> None:
    """A filter lets through exactly the resources that the documentation says it does."""
    predicate = parse(text)
    assert [rule["name"] for rule in RULES if predicate(rule)] == FILTERS[text]


@pytest.mark.parametrize(
    "text",
    ["name", "name=", "=one", "(name=one", "name=one)", "name eq [", "name=one AND", "name eq one AND disabled=true"],
)
def test_refused_filters(text: str) -> None:
    """A filter that is none, or that mixes both languages, is a 400 that repeats it."""
    with pytest.raises(ApiError) as error:
        parse(text)
    assert error.value.message == f"Invalid value for field 'filter': '{text}'. Invalid list filter expression."


@given(st.text(alphabet="name =!<>:()'\"ANDOR eq.*x-\\", max_size=40))
def test_any_text(text: str) -> None:
    """Whatever is typed as a filter either is one or is refused in the API's way."""
    with suppress(ApiError):
        predicate = parse(text)
        assert all(predicate(rule) in (True, False) for rule in RULES)
