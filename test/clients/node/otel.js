// Sends three spans with OpenTelemetry's SDK for Node.js, and prints the id of their trace:
// node otel.js http|proto|grpc|zipkin URL
const { SpanKind, SpanStatusCode, context, trace } = require('@opentelemetry/api');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const [transport, url] = process.argv.slice(2);
const exporters = {
  http: () => new (require('@opentelemetry/exporter-trace-otlp-http').OTLPTraceExporter)({ url }),
  proto: () => new (require('@opentelemetry/exporter-trace-otlp-proto').OTLPTraceExporter)({ url }),
  grpc: () => new (require('@opentelemetry/exporter-trace-otlp-grpc').OTLPTraceExporter)({ url }),
  zipkin: () => new (require('@opentelemetry/exporter-zipkin').ZipkinExporter)({ url }),
};
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'front' }),
  spanProcessors: [new BatchSpanProcessor(exporters[transport]())],
});
const tracer = provider.getTracer('shop', '1');
const root = tracer.startSpan('get /', { kind: SpanKind.SERVER, attributes: { tier: 'gold' } });
const below = trace.setSpan(context.active(), root);
tracer.startSpan('get', { kind: SpanKind.CLIENT }, below).end();
const work = tracer.startSpan('work', {}, below);
work.addEvent('half');
work.setStatus({ code: SpanStatusCode.ERROR, message: 'no stock' });
work.end();
root.end();
provider.shutdown().then(
  () => console.log(root.spanContext().traceId),
  (err) => {
    console.error(err);
    process.exit(1);
  },
);
