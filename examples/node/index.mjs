// Sends traces to clew, or to any OTLP endpoint, with the OpenTelemetry SDK for
// Node, and says when the export call returned.
//
//   npm install
//   node index.mjs            one trace
//   node index.mjs 100        a hundred
//
// Where to and how, by the SDK's own variables:
//
//   OTEL_EXPORTER_OTLP_PROTOCOL   http/protobuf (default), http/json or grpc
//   OTEL_EXPORTER_OTLP_ENDPOINT   default http://localhost:4318, for grpc :4317
//   OTEL_EXPORTER_OTLP_HEADERS    for example X-Scope-OrgID=team-a
//   OTEL_EXPORTER_OTLP_COMPRESSION  none (default) or gzip
//
// Output, one key=value a line: trace_id for each trace (the first 10), then
// spans, export_returned_at (RFC 3339, UTC) and export_ms. The exit code is 1 if
// an export failed.

import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const exporters = { grpc: GrpcExporter, "http/json": JsonExporter, "http/protobuf": ProtoExporter };
const protocol = process.env.OTEL_EXPORTER_OTLP_PROTOCOL ?? "http/protobuf";
const Exporter = exporters[protocol];
const count = Number(process.argv[2] ?? 1);
if (!Exporter || !Number.isInteger(count) || count < 1) {
  console.error(`usage: node index.mjs [count of traces]; OTEL_EXPORTER_OTLP_PROTOCOL is one of ${Object.keys(exporters).join(", ")}`);
  process.exit(2);
}

// Watched lets us know how each export ended; the processor would only log it.
class Watched extends Exporter {
  spans = 0;
  failure = undefined;

  export(spans, done) {
    super.export(spans, (result) => {
      if (result.code === 0) this.spans += spans.length;
      else this.failure ??= result.error ?? new Error("export failed");
      done(result);
    });
  }
}

const exporter = new Watched();
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({
    "service.name": process.env.OTEL_SERVICE_NAME ?? "cart",
    "service.version": "1.0.0",
    "deployment.environment.name": "example",
  }),
  // The queue holds all that this program makes, so that nothing is dropped.
  spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 4 * count + 512, maxExportBatchSize: 512 })],
});
provider.register();
const tracer = trace.getTracer("clew-example-node", "1.0.0");

// withSpan runs work within a span and records what it throws.
async function withSpan(name, options, work) {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (err) {
      span.recordException(err);
      span.setStatus({ code: SpanStatusCode.ERROR, message: err.message });
    } finally {
      span.end();
    }
  });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// showCart is a request as a web framework would record it: 4 spans.
async function showCart(n) {
  const attributes = {
    "http.request.method": "GET",
    "http.route": "/cart/{user}",
    "url.path": `/cart/u-${n}`,
    "http.response.status_code": 200,
    "user.id": `u-${n}`,
  };
  return withSpan("GET /cart/{user}", { kind: SpanKind.SERVER, attributes }, async (span) => {
    const query = {
      "db.system.name": "postgresql",
      "db.operation.name": "SELECT",
      "db.query.text": "SELECT product, quantity FROM carts WHERE user_id = $1",
      "server.address": "db.example",
    };
    await withSpan("SELECT carts", { kind: SpanKind.CLIENT, attributes: query }, () => pause(2));
    await withSpan("apply discounts", { attributes: { "cart.items": 3, "cart.codes": ["WELCOME", "SPRING"] } }, async (inner) => {
      inner.addEvent("code rejected", { code: "SPRING" });
      await withSpan("check code", {}, async () => {
        throw new Error("code SPRING has expired");
      });
    });
    return span.spanContext().traceId;
  });
}

const ids = await Promise.all(Array.from({ length: count }, (_, n) => showCart(n)));
const began = performance.now();
await provider.forceFlush().catch((err) => (exporter.failure ??= err));
const returned = new Date();
const took = performance.now() - began;
await provider.shutdown();

for (const id of ids.slice(0, 10)) console.log(`trace_id=${id}`);
console.log(`spans=${exporter.spans}`);
console.log(`export_returned_at=${returned.toISOString()}`);
console.log(`export_ms=${took.toFixed(1)}`);
if (exporter.failure) {
  console.error(`export failed: ${exporter.failure.message}`);
  process.exit(1);
}
