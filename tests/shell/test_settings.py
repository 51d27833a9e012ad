"""shell/settings.py."""

from __future__ import annotations

import pytest

from pathcheck.shell.settings import Listen, Settings, SettingsError, settings_of, unknown_in

IMAGE = {"PATHCHECK_PROBE_IMAGE": "pathcheck-probe:0.1.0"}


def test_defaults() -> None:
    """Only the probe's image must be said; a variable that is empty is as good as none, and others' variables are no matter."""
    assert settings_of(IMAGE | {"PATHCHECK_NAMESPACE": "", "HOME": "/"}) == Settings(
        namespace="pathcheck-system",
        pod_name="pathcheck-operator",
        probe_image="pathcheck-probe:0.1.0",
        compute_endpoint=None,
        firewall=("live",),
        datapath=("auto",),
        firewall_interval_seconds=None,
        heartbeat_seconds=30,
        listen=Listen(host="", port=8080),
    )


def test_everything() -> None:
    """Every setting can be set."""
    environment = IMAGE | {
        "PATHCHECK_NAMESPACE": "paths",
        "PATHCHECK_POD_NAME": "operator-7f",
        "PATHCHECK_COMPUTE_ENDPOINT": "http://198.51.100.10:80",
        "PATHCHECK_FIREWALL": "file:/etc/pathcheck/recording:2.json",
        "PATHCHECK_DATAPATH": "vxlan:8472",
        "PATHCHECK_FIREWALL_INTERVAL_SECONDS": "2.5",
        "PATHCHECK_HEARTBEAT_SECONDS": "60",
        "PATHCHECK_LISTEN": "[::1]:9000",
    }
    assert settings_of(environment) == Settings(
        namespace="paths",
        pod_name="operator-7f",
        probe_image="pathcheck-probe:0.1.0",
        compute_endpoint="http://198.51.100.10:80",
        firewall=("file", "/etc/pathcheck/recording:2.json"),
        datapath=("vxlan", 8472),
        firewall_interval_seconds=2.5,
        heartbeat_seconds=60,
        listen=Listen(host="::1", port=9000),
    )


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("PROBE_IMAGE", "", "PATHCHECK_PROBE_IMAGE must name the image that probe pods run"),
        ("FIREWALL", "dead", "PATHCHECK_FIREWALL is live, none or file:PATH, not 'dead'"),
        ("FIREWALL", "file:", "PATHCHECK_FIREWALL is live, none or file:PATH, not 'file:'"),
        *(
            (
                "DATAPATH",
                wrong,
                f"PATHCHECK_DATAPATH is auto, native, ipip, vxlan:PORT, geneve:PORT or wireguard:PORT, not '{wrong}'",
            )
            for wrong in ("overlay", "vxlan", "vxlan:0", "geneve:x", "native:1", "wireguard:65536")
        ),
        ("LISTEN", "8080", None),
        ("LISTEN", ":http", "PATHCHECK_LISTEN is HOST:PORT or :PORT, not ':http'"),
        (
            "COMPUTE_ENDPOINT",
            "198.51.100.10",
            "PATHCHECK_COMPUTE_ENDPOINT is http://HOST[:PORT] or https://HOST[:PORT], not '198.51.100.10'",
        ),
        (
            "HEARTBEAT_SECONDS",
            "soon",
            "PATHCHECK_HEARTBEAT_SECONDS is a whole number of seconds within 5-600, not 'soon'",
        ),
        (
            "FIREWALL_INTERVAL_SECONDS",
            "0",
            "PATHCHECK_FIREWALL_INTERVAL_SECONDS is a number of seconds within 1-3600, not '0'",
        ),
    ],
)
def test_wrong(name: str, value: str, line: str | None) -> None:
    """A wrong value is one line that names its variable, says what it should be, and shows it."""
    environment = IMAGE | {f"PATHCHECK_{name}": value}
    if line is None:
        assert settings_of(environment).listen == Listen(host="", port=8080)  # a port alone is clear enough
        return
    with pytest.raises(SettingsError) as caught:
        settings_of(environment)
    assert str(caught.value) == line


def test_several_wrong() -> None:
    """Several wrong values are told at once."""
    with pytest.raises(SettingsError) as caught:
        settings_of({"PATHCHECK_FIREWALL": "x"})
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "PATHCHECK_PROBE_IMAGE",
        "PATHCHECK_FIREWALL",
    ]


def test_a_misspelt_variable_is_found() -> None:
    """It would leave its setting at the default unnoticed; other programs' variables are no matter."""
    environment = IMAGE | {"PATHCHECK_FIREWAL": "none", "PATHCHECK_LAB_DIR": "/x", "PATH": "/bin"}
    assert unknown_in(environment) == ("PATHCHECK_FIREWAL",)
