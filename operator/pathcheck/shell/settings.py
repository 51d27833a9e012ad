"""What can be set, all by the environment; each wrong value is one line that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

PREFIX = "PATHCHECK_"


class SettingsError(Exception):
    """One line a wrong setting, each naming its variable."""


def _parts(text: object) -> object:
    return text.split(":", 1) if isinstance(text, str) else text


Port = Annotated[int, Field(ge=1, le=65535)]


class Listen(BaseModel):
    """Where /healthz, /readyz and /metrics are answered."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: int = Field(ge=0, le=65535)


def _listen(text: object) -> object:
    if not isinstance(text, str):
        return text
    host, _, port = text.rpartition(":")
    return {"host": host.strip("[]"), "port": port}


class Settings(BaseModel):
    """`firewall` is ("live",), ("none",) or ("file", PATH); `datapath` ("auto",), ("native",), ("ipip",) or an overlay and its udp port."""

    model_config = ConfigDict(frozen=True)

    namespace: str = Field(default="pathcheck-system", pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)
    pod_name: str = Field(default="pathcheck-operator", pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=128)
    probe_image: str = Field(min_length=1)
    compute_endpoint: str | None = Field(default=None, pattern=r"^https?://[^/]+$")
    firewall: Annotated[
        tuple[Literal["live"]] | tuple[Literal["none"]] | tuple[Literal["file"], Annotated[str, Field(min_length=1)]],
        BeforeValidator(_parts),
    ] = ("live",)
    datapath: Annotated[
        tuple[Literal["auto", "native", "ipip"]] | tuple[Literal["vxlan", "geneve", "wireguard"], Port],
        BeforeValidator(_parts),
    ] = ("auto",)
    firewall_interval_seconds: float | None = Field(default=None, ge=1, le=3600)
    heartbeat_seconds: int = Field(default=30, ge=5, le=600)
    listen: Annotated[Listen, BeforeValidator(_listen)] = Listen(host="", port=8080)


# What sets other parts of the project, or its tests.
_NOT_OURS = ("PATHCHECK_LAB_", "PATHCHECK_RENEW_")


def unknown_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Variables that look like settings and are none: a misspelt one would leave its setting at the default unnoticed."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return tuple(
        sorted(n for n in environment if n.startswith(PREFIX) and n not in known and not n.startswith(_NOT_OURS))
    )


# What a wrong value should have looked like: pydantic's own words speak of types, not of settings.
_SHOULD_BE = {
    "firewall": "is live, none or file:PATH",
    "datapath": "is auto, native, ipip, vxlan:PORT, geneve:PORT or wireguard:PORT",
    "listen": "is HOST:PORT or :PORT",
    "compute_endpoint": "is http://HOST[:PORT] or https://HOST[:PORT]",
    "probe_image": "must name the image that probe pods run",
    "namespace": "is a namespace's name",
    "pod_name": "is a pod's name",
    "heartbeat_seconds": "is a whole number of seconds within 5-600",
    "firewall_interval_seconds": "is a number of seconds within 1-3600",
}


def settings_of(environment: Mapping[str, str]) -> Settings:
    """The settings in this environment; an empty value is as good as none.

    Raises SettingsError.
    """
    given = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        wrong = dict.fromkeys(str(e["loc"][0]) for e in error.errors(include_url=False))
        raise SettingsError(
            "\n".join(
                f"{PREFIX}{name.upper()} {_SHOULD_BE[name]}" + (f", not {given[name]!r}" if name in given else "")
                for name in wrong
            )
        ) from error
