"""APIs for which the reader has no client: the audit log, page by page, and how its calls fail."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pathcheck.shell.google_calls import MOST_PAGES
from tests.recordings import PROJECT, Raw
from tests.shell.google import Cloud, answers, error, read, served


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The story's nodes and two pages of rules."""
    with served() as cloud:
        yield cloud


LOG = "/v2/entries:list"


def audit(cloud: Cloud) -> Raw:
    (answer,) = answers(cloud, json.dumps({"audit": {"resourceNames": [f"projects/{PROJECT}"], "filter": "x"}}))
    return answer


def test_all_pages_of_the_audit_log_are_read(cloud: Cloud) -> None:
    """Also behind one that has a token and no entries, as Cloud Logging may answer."""
    cloud.answers |= {
        LOG: {"entries": [{"insertId": "1"}], "nextPageToken": "2"},
        f"{LOG}#2": {"nextPageToken": "3"},
        f"{LOG}#3": {"entries": [{"insertId": "2"}]},
    }
    found = audit(cloud)
    assert (found["entries"], found.get("truncated")) == ([{"insertId": "1"}, {"insertId": "2"}], None)


def test_a_log_without_end_is_cut_and_says_so(cloud: Cloud) -> None:
    """Whoever reads it must know that not all of it is there."""
    cloud.answers |= {
        LOG: {"entries": [{"insertId": "1"}], "nextPageToken": "2"},
        f"{LOG}#2": {"entries": [{"insertId": "2"}], "nextPageToken": "2"},
    }
    found = audit(cloud)
    assert (len(found["entries"]), found["truncated"]) == (MOST_PAGES, True)


@pytest.mark.parametrize("ahead", [-600, 0, 600])
def test_how_far_the_clouds_clock_is_ahead_is_told(cloud: Cloud, ahead: float) -> None:
    """By the Date of the answer, which has whole seconds."""
    cloud.answers[LOG] = {}
    cloud.ahead = ahead
    assert abs(audit(cloud)["clockAheadSeconds"] - ahead) < 2


def test_an_audit_log_that_may_not_be_read(cloud: Cloud) -> None:
    """The permission is named, and the recording does not depend on it."""
    cloud.answers[LOG] = (403, error("forbidden", "Permission denied for all log views"))
    failure = audit(cloud)["error"]
    assert (failure["kind"], failure["permission"]) == ("forbidden", "logging.logEntries.list")
    assert "recording" in read(cloud)
