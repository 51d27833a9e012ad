"""Errors as Google's REST APIs write them, so that every client recognises its own exceptions in them.

The body's shape is documented at https://docs.cloud.google.com/apis/design/errors (HTTP mapping) and, with `reason` and
`domain`, at https://docs.cloud.google.com/compute/docs/troubleshooting/troubleshooting-api-errors.
"""

from __future__ import annotations

from typing import Any

# google.rpc.Code by HTTP code, for the codes that the emulator answers.
_STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ApiError(Exception):
    """An answer other than 200: HTTP code, the `reason` of the first error, and the message that people read."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message

    def body(self) -> dict[str, Any]:
        """The JSON body: `{"error": {"code", "message", "errors": [{"message", "domain", "reason"}], "status"}}`."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "errors": [{"message": self.message, "domain": "global", "reason": self.reason}],
        }
        if self.code in _STATUS:
            error["status"] = _STATUS[self.code]
        return {"error": error}


class RpcError(ApiError):
    """The same of an API that is not Compute Engine: google.rpc.Status without a list of errors
    (https://docs.cloud.google.com/apis/design/errors#http_mapping)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, "", message)

    def body(self) -> dict[str, Any]:
        """The JSON body: `{"error": {"code", "message", "status"}}`."""
        return {"error": {"code": self.code, "message": self.message, "status": _STATUS[self.code]}}


def invalid(field: str, value: object, why: str) -> ApiError:
    """400 that names a field: `Invalid value for field 'resource.priority': '70000'. …`."""
    return ApiError(400, "invalid", f"Invalid value for field '{field}': '{value}'. {why}")


def required(field: str) -> ApiError:
    """400 for a field or parameter that is missing."""
    return ApiError(400, "required", f"Required field '{field}' not specified")


def too_large(field: str, most: int, actual: int) -> ApiError:
    """413 for a list beyond its documented limit."""
    return ApiError(
        413,
        "fieldSizeTooLarge",
        f"Value for field '{field}' is too large: maximum size {most} element(s); actual size {actual}.",
    )


def not_found(resource: str) -> ApiError:
    """404 for a path relative to the API's root, as `projects/p/global/firewalls/f`."""
    return ApiError(404, "notFound", f"The resource '{resource}' was not found")


def already_exists(resource: str) -> ApiError:
    """409 for a path relative to the API's root."""
    return ApiError(409, "alreadyExists", f"The resource '{resource}' already exists")


def forbidden(permission: str, resource: str) -> ApiError:
    """403 for a missing permission on a path relative to the API's root."""
    return ApiError(403, "forbidden", f"Required '{permission}' permission for '{resource}'")
