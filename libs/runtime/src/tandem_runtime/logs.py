"""One JSON line per event on stdout, whoever logs: structlog, the standard library, uvicorn, gunicorn."""

import logging
import sys
from types import TracebackType

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from tandem_runtime.log_floods import FloodFilter
from tandem_runtime.metrics import announce_build
from tandem_runtime.redaction import redact
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
_LEADING = ("timestamp", "level", "logger", "service", "event", "trace_id", "span_id")


def configure_logging(service: str, settings: RuntimeSettings) -> None:
    """Send every log line of this process through one renderer to stdout.

    Starts no thread; call it once per process, in a pre-forking server again in the worker.
    """
    # What no line of ours has, and every record would look up.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # Likewise who called: a sixth of a line's time. This is how the library's documentation says it.
    logging._srcfile = None  # noqa: SLF001
    stamp: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*stamp, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(FloodFilter(prefixes=("opentelemetry.",), seconds=60))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*stamp, structlog.stdlib.ExtraAdder(), _tidy_foreign],
            pass_foreign_args=True,
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _ServiceName(service),
                _add_current_span,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings.log_format),
            ],
        )
    )
    _take_over(handler, settings.log_level)
    announce_build(service)


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "console":
        # Not rich's traceback: it prints local variables, secrets among them.
        plain = structlog.dev.plain_traceback
        return [_redact, structlog.dev.ConsoleRenderer(exception_formatter=plain, colors=sys.stdout.isatty())]
    return [structlog.processors.format_exc_info, _redact, _order, structlog.processors.JSONRenderer()]


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


class _ServiceName:
    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        fields["service"] = self._service
        return fields


def _add_current_span(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        fields["trace_id"] = trace.format_trace_id(context.trace_id)
        fields["span_id"] = trace.format_span_id(context.span_id)
    return fields


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


def _redact(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    return redact(fields)


def _order(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """What every line has comes first; what is not known is not in it."""
    first = {key: fields.pop(key) for key in _LEADING if key in fields}
    return first | {key: value for key, value in fields.items() if value is not None}
