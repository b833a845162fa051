"""Which spans may begin a trace, and by which ids."""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from tandem_runtime.tracing import remembered_ids


class RememberingIds(RandomIdGenerator):
    """Ids by chance, but for a span that is made after what it tells of."""

    def generate_trace_id(self) -> int:
        ids = remembered_ids.get()
        return super().generate_trace_id() if ids is None else ids.trace_id

    def generate_span_id(self) -> int:
        ids = remembered_ids.get()
        return super().generate_span_id() if ids is None else ids.span_id


class EntrySampler(Sampler):
    """A trace begins where work comes in, never with an outgoing call that nothing caused.

    Otherwise every query of a polling loop, of which there are hundreds a second, is a trace of its own.
    Everything else is left to `inner` (by default: all). With `parents_decide` that one says of a span with a parent
    just what was said of the parent, so that it need not be asked.
    """

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner
        self.parents_decide = isinstance(inner, ParentBased)  # the environment gives it no other rules

    def should_sample(  # noqa: PLR0917 - the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        begins = not get_current_span(parent_context).get_span_context().is_valid
        if begins and kind is SpanKind.CLIENT and not links:
            return SamplingResult(Decision.DROP)
        return self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"EntrySampler{{{self._inner.get_description()}}}"
