"""The words, each stage its own; no word is used at two stages (operator/README.md has the table, a test holds the two together)."""

from __future__ import annotations

from enum import StrEnum


class Expectation(StrEnum):
    """What the user asks."""

    REACHABLE = "reachable"
    ISOLATED = "isolated"


class Evidence(StrEnum):
    """What the user accepts as an answer: what probes saw, or the firewall's rules alone."""

    MEASURED = "measured"
    PREDICTED = "predicted"


class Action(StrEnum):
    """What a firewall rule does."""

    ALLOW = "allow"
    DENY = "deny"
    GOTO_NEXT = "goto_next"
    INSPECT = "inspect"


class Direction(StrEnum):
    """Which side of a flow a firewall rule is about: the receiver's ingress or the sender's egress."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Prediction(StrEnum):
    """What we think will happen."""

    PERMITTED = "permitted"
    BLOCKED = "blocked"
    UNDETERMINED = "undetermined"
    INSPECTED = "inspected"


class Observation(StrEnum):
    """What we saw."""

    REACHED = "reached"
    REFUSED = "refused"
    REJECTED = "rejected"
    SILENT = "silent"
    UNMEASURED = "unmeasured"


class Verdict(StrEnum):
    """What we hold."""

    UPHELD = "upheld"
    VIOLATED = "violated"
    UNKNOWN = "unknown"

    @property
    def glyph(self) -> str:
        """The sign that stands for it in every table."""
        return {"upheld": "●", "violated": "✕", "unknown": "?"}[self.value]


class ConditionStatus(StrEnum):
    """What Kubernetes shows."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """How much a violation matters to the user; ordered as declared, worst first."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Vantage(StrEnum):
    """Whose address the packet carries."""

    POD = "pod"
    HOST = "host"


class Manner(StrEnum):
    """How a probe asks one question.

    ECHO: our own listener answers a nonce (UDP, TCP); PING: ICMP echo, the peer's kernel answers; DNS: a real query, any answer
    counts; CONNECT: a TCP handshake with somebody else's listener.
    """

    ECHO = "echo"
    PING = "ping"
    DNS = "dns"
    CONNECT = "connect"


class Reason(StrEnum):
    """Why a condition or a finding says what it says. Stable: users alert on these, so a reason never changes its meaning."""

    # findings of the judging table (core/checks/judge.py)
    BLOCKED_BY_FIREWALL = "BlockedByFirewall"
    PERMITTED_BY_FIREWALL = "PermittedByFirewall"
    FIREWALL_BYPASSED = "FirewallBypassed"
    REFUSED_BY_TARGET = "RefusedByTarget"
    REJECTED_ON_PATH = "RejectedOnPath"
    SILENT_BEYOND_FIREWALL = "SilentBeyondFirewall"
    SILENT_FOR_UNKNOWN_REASON = "SilentForUnknownReason"
    # what a silent flow is put down to instead where the way itself is broken (core/ways/route.py)
    NO_ROUTE_TO_POD_RANGE = "NoRouteToPodRange"
    ROUTE_BLACKHOLED = "RouteBlackholed"
    ROUTE_SHADOWED = "RouteShadowed"
    ROUTE_NEXT_HOP_NOT_FORWARDING = "RouteNextHopNotForwarding"
    ARRIVED_FOR_UNKNOWN_REASON = "ArrivedForUnknownReason"
    FIREWALL_WOULD_BLOCK = "FirewallWouldBlock"
    FIREWALL_WOULD_PERMIT = "FirewallWouldPermit"
    FIREWALL_UNDETERMINED = "FirewallUndetermined"
    UNMEASURED = "Unmeasured"
    # notes: said beside a verdict, they never change it
    FIREWALL_MODEL_DISAGREES = "FirewallModelDisagrees"
    SILENT_DESPITE_PERMISSION = "SilentDespitePermission"
    SOME_BACKENDS_BLOCKED = "SomeBackendsBlocked"
    # told in an Event alone
    FIREWALL_CHANGED = "FirewallChanged"
    # conditions
    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    NODE_NOT_FOUND = "NodeNotFound"
    NO_NODES_SELECTED = "NoNodesSelected"
    NO_POD_RANGE = "NoPodRange"
    SERVICE_NOT_FOUND = "ServiceNotFound"
    SERVICE_WITHOUT_ADDRESS = "ServiceWithoutAddress"
    PORT_NOT_FOUND = "PortNotFound"
    NO_ENDPOINTS = "NoEndpoints"
    LIMIT_EXCEEDED = "LimitExceeded"
    COMPLETE = "Complete"
    INCOMPLETE = "Incomplete"
    PREDICTED_ONLY = "PredictedOnly"
    NOT_YET_MEASURED = "NotYetMeasured"
    NOT_ACCEPTED = "NotAccepted"
    UPHELD = "Upheld"
