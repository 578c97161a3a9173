"""Sends three spans with OpenTelemetry's SDK for Python, and prints the id of their trace:
python3 otel.py URL"""

import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

provider = TracerProvider(resource=Resource.create({"service.name": "front"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[1])))
tracer = provider.get_tracer("shop", "1")
with tracer.start_as_current_span("get /", kind=SpanKind.SERVER, attributes={"tier": "gold"}) as root:
    with tracer.start_as_current_span("get", kind=SpanKind.CLIENT):
        pass
    with tracer.start_as_current_span("work") as work:
        work.add_event("half")
        work.set_status(Status(StatusCode.ERROR, "no stock"))
provider.shutdown()
print(format(root.get_span_context().trace_id, "032x"))
