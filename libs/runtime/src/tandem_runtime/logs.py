"""One JSON line per event on stdout, whoever logs: structlog, the standard library, uvicorn, gunicorn."""

import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from tandem_runtime.log_floods import FloodFilter
from tandem_runtime.metrics import announce_build
from tandem_runtime.redaction import shown
from tandem_runtime.settings import RuntimeSettings

# These bring handlers of their own; their lines must leave by ours.
_SELF_HANDLING = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "gunicorn.error",
    "gunicorn.access",
    "django",
    "django.server",
)
# Talkative at INFO, about their own internals.
_QUIET = ("httpx", "httpcore", "urllib3", "asyncio", "kafka", "aiokafka")
# `extra` of libraries: objects or duplicates, nothing a reader of the line needs.
_UNWANTED_EXTRA = ("color_message", "request", "server_time")
_UVICORN_ACCESS_ARGUMENTS = 5
_named = structlog.stdlib.LoggerFactory(ignore_frame_names=[__name__])


def configure_logging(service: str, settings: RuntimeSettings) -> None:
    """Send every log line of this process through one renderer to stdout.

    Our own lines go there directly: the standard library's records would be half of a line's cost.
    Starts no thread; call it once per process, in a pre-forking server again in the worker.
    """
    # What no line of ours has, and every record would look up.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # Likewise who called: a sixth of a line's time. This is how the library's documentation says it.
    logging._srcfile = None  # noqa: SLF001
    render: list[Processor] = [structlog.processors.StackInfoRenderer(), *_renderers(service, settings.log_format)]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=_line_logger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(FloodFilter(prefixes=("opentelemetry.",), seconds=60))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _tidy_foreign,
            ],
            pass_foreign_args=True,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    _take_over(handler, settings.log_level)
    announce_build(service)


def _renderers(service: str, log_format: str) -> list[Processor]:
    line = _Line(service)
    if log_format == "console":
        # Not rich's traceback: it prints local variables, secrets among them.
        plain = structlog.dev.plain_traceback
        return [line, structlog.dev.ConsoleRenderer(exception_formatter=plain, colors=sys.stdout.isatty())]
    return [structlog.processors.format_exc_info, line, structlog.processors.JSONRenderer(_json)]


def _json(fields: EventDict, *, default: Callable[[Any], Any]) -> str:
    try:
        return orjson.dumps(fields, default=default, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a line is not lost for what orjson refuses: half a surrogate, a whole number of 65 bits
        return json.dumps(fields, default=default)


def _take_over(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    for old in [existing for existing in root.handlers if getattr(existing, "tandem", False)]:
        root.removeHandler(old)
    handler.tandem = True  # type: ignore[attr-defined]  # marks ours: a test runner's handlers stay
    root.addHandler(handler)
    root.setLevel(level)
    for name in _SELF_HANDLING:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("tandem").critical("process dies of an exception", exc_info=(kind, error, traceback))


class _LineLogger:
    """What structlog ends in: a line to stdout, whole. Work does not fail because it could not be told of."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    debug = info = warning = error = critical = msg


def _line_logger(*names: str) -> _LineLogger:
    """The logger of that name, by default of the module that asks."""
    return _LineLogger(_named(*names).name)


class _Line:
    """What every line has, first; then what was said, without what is not known and without secrets."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
        line: EventDict = {
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "level": method,
            "logger": fields.pop("logger", None) or logger.name,
            "service": self._service,
            "event": None,
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
            line["span_id"] = trace.format_span_id(span.span_id)
        for key, value in fields.items():
            if value is not None:
                line[key] = shown(key, value)
        return line


def _tidy_foreign(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    for key in _UNWANTED_EXTRA:
        fields.pop(key, None)
    args = fields.pop("positional_args", ())
    fields["event"] = str(fields["event"]).strip()
    if fields["logger"] == "uvicorn.access" and len(args) == _UVICORN_ACCESS_ARGUMENTS:
        client, method, path, _version, status = args
        # Without the query: it may carry what must not be kept.
        path = str(path).partition("?")[0]
        fields.update(event="request", method=method, path=path, status=status, client=client)
    return fields
