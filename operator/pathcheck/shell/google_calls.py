"""How the reader calls Google: with which credentials, how patiently, how it fails, and the APIs for which it has no client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

COMPUTE_SCOPE = "https://www.googleapis.com/auth/compute.readonly"
# The only one that Network Security takes; Resource Manager has a narrower one, and a second token would buy nothing.
WIDE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# Pages of the audit log, of a thousand entries each at most: any may have fewer, or none.
MOST_PAGES = 50
CALL_SECONDS = 5.0
# Of all tries of one call together; the client itself retries 503 and 504 only, and waits ten minutes for an answer.
RETRY_SECONDS = 8.0

Json = dict[str, Any]


class ReadError(Exception):
    """A call that failed for good; `kind` and `permission` as in the protocol."""

    def __init__(self, kind: str, why: str, permission: str = "") -> None:
        super().__init__(why)
        self.kind = kind
        self.permission = permission


class OtherApis:
    """APIs that have no client here: Network Security, Resource Manager and Cloud Logging. `endpoint` is http://HOST:PORT of an emulator,
    which takes no credentials; "" is Google's own.
    """

    def __init__(self, endpoint: str = "") -> None:
        self.endpoint = endpoint
        self._made: Any = None
        self._ahead: float | None = None

    def audit(self, body: Json) -> Json:
        """All pages of this question to the audit log, and by how many seconds the cloud's clock is ahead, as its answers tell.

        Raises ReadError.
        """
        found: list[Any] = []
        ask = dict(body)
        for _ in range(MOST_PAGES):
            page = self._asked("POST", "logging", "v2/entries:list", "logging.logEntries.list", body=ask)
            found += page.get("entries", [])
            if not page.get("nextPageToken"):
                break
            ask["pageToken"] = page["nextPageToken"]
        ahead = {} if self._ahead is None else {"clockAheadSeconds": self._ahead}
        return {"entries": found, **ahead, **({"truncated": True} if page.get("nextPageToken") else {})}

    def get(self, service: str, path: str, parameters: Mapping[str, str], permission: str) -> Json:
        """The body of one answer.

        Raises ReadError.
        """
        return self._asked("GET", service, path, permission, parameters)

    def _asked(
        self,
        method: str,
        service: str,
        path: str,
        permission: str,
        parameters: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> Json:
        from google.api_core import exceptions

        def ask() -> Json:
            root = self.endpoint or f"https://{service}.googleapis.com"
            began = time()
            answer = self._session().request(
                method, f"{root}/{path}", params=parameters, json=body, timeout=CALL_SECONDS
            )
            self._ahead = _ahead(answer.headers.get("Date"), (began + time()) / 2)
            if answer.status_code != 200:
                raise exceptions.from_http_response(answer)  # type: ignore[no-untyped-call]
            found = answer.json()
            return found if isinstance(found, dict) else {}

        try:
            return call_options()["retry"](ask)()  # type: ignore[no-any-return]
        except Exception as error:
            raise read_error(error, permission, service.rpartition("-")[2]) from error

    def _session(self) -> Any:
        """Made when it is first needed: most projects have neither secure tags nor address groups in their rules."""
        from google.auth.transport.requests import AuthorizedSession

        if self._made is None:
            self._made = AuthorizedSession(credentials(self.endpoint, WIDE_SCOPE))  # type: ignore[no-untyped-call]
        return self._made


def credentials(endpoint: str, scope: str) -> Any:
    """Those of the machine, or of the environment; an emulator takes none."""
    if endpoint:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    import google.auth

    found, _ = google.auth.default(scopes=[scope])
    return found


def _ahead(date: str | None, ours: float) -> float | None:
    """By how many seconds the clock that wrote this Date header, cut to whole ones, is ahead of ours."""
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - ours if date else None
    except ValueError:
        return None


def call_options() -> Json:
    """Timeout and retries of one call, as the clients take them."""
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    passing = (
        exceptions.TooManyRequests,
        exceptions.InternalServerError,
        exceptions.ServiceUnavailable,
        exceptions.GatewayTimeout,
    )
    retry = Retry(predicate=if_exception_type(*passing), initial=0.2, maximum=2.0, timeout=RETRY_SECONDS)
    return {"timeout": CALL_SECONDS, "retry": retry}


def read_error(error: Exception, permission: str, api: str = "") -> ReadError:
    """What went wrong, in the protocol's words. `permission` is the one that the call needs, `api` whose it is."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    if isinstance(error, exceptions.RetryError) and isinstance(error.cause, Exception):
        error = error.cause
    why = str(getattr(error, "message", "")) or str(error) or type(error).__name__
    # The client puts the request before the API's own sentence; what was asked is said by the list that it is for.
    why = re.sub(r"^[A-Z]+ https?://\S+: ", "", why)
    api = api or "the Compute API"
    if isinstance(error, exceptions.Forbidden):
        # Exceeded quota is a 403 too: https://cloud.google.com/compute/api-quota
        if "rateLimitExceeded" in str(error.errors) + why or "quota" in why.lower():
            return ReadError("rate-limited", why)
        named = re.search(r"'([a-z]+(?:\.[A-Za-z]+)+)' permission", why)
        return ReadError("forbidden", why, named.group(1) if named else permission)
    if isinstance(error, exceptions.TooManyRequests):
        return ReadError("rate-limited", why)
    if isinstance(error, exceptions.Unauthorized):
        # No permission would help, and nothing can be done without: the same is said to every call.
        return ReadError("unavailable", f"{api} does not take the credentials: {why}")
    if isinstance(error, exceptions.ClientError):
        return ReadError("invalid", why)
    if isinstance(error, GoogleAuthError):
        return ReadError("unavailable", f"no usable credentials: {why}")
    return ReadError("unavailable", f"{api} does not answer: {why}")
