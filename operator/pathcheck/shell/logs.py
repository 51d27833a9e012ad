"""One JSON line a thing said, kopf's own lines among them; the object they speak of is `object` everywhere."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger


def _kopf_object(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """kopf hangs the object on the record as `k8s_ref`."""
    reference = getattr(line.get("_record"), "k8s_ref", None)
    if reference:
        line["object"] = "/".join(part for part in (reference.get("namespace"), reference.get("name")) if part)
    return line


def set_up(level: int = logging.INFO) -> None:
    """One handler on the root logger. kopf's command line, which would add its own, is never run."""
    common: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _kopf_object, *common],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # kopf says each index and event it handles, at info; only what goes wrong there is of interest.
    for noisy in ("kopf.objects", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
