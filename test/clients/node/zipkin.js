// Sends three spans with Zipkin's client, and prints the id of their trace:
// node zipkin.js URL v1|v2
const { Annotation, BatchRecorder, ExplicitContext, InetAddress, Tracer, jsonEncoder } = require('zipkin');
const { HttpLogger } = require('zipkin-transport-http');

const [endpoint, version] = process.argv.slice(2);
const logger = new HttpLogger({ endpoint, jsonEncoder: version === 'v1' ? jsonEncoder.JSON_V1 : jsonEncoder.JSON_V2, httpInterval: 10 });
logger.on('error', (err) => {
  console.error(err);
  process.exit(1);
});
const tracer = new Tracer({ ctxImpl: new ExplicitContext(), recorder: new BatchRecorder({ logger }), traceId128Bit: true, supportsJoin: false });

tracer.scoped(() => {
  const root = tracer.createRootId();
  tracer.setId(root);
  tracer.recordAnnotation(new Annotation.ServerRecv());
  tracer.recordServiceName(version);
  tracer.recordRpc('get /');
  tracer.recordBinary('http.status_code', '200');
  tracer.letId(tracer.createChildId(), () => {
    tracer.recordServiceName(version);
    tracer.recordRpc('get');
    tracer.recordAnnotation(new Annotation.ClientSend());
    tracer.recordAnnotation(new Annotation.ServerAddr({ serviceName: 'back', host: new InetAddress('127.0.0.1'), port: 81 }));
    tracer.recordAnnotation(new Annotation.ClientRecv());
  });
  tracer.letId(tracer.createChildId(), () => {
    tracer.recordServiceName(version);
    tracer.recordAnnotation(new Annotation.LocalOperationStart('work'));
    tracer.recordBinary('error', 'no stock');
    tracer.recordAnnotation(new Annotation.LocalOperationStop());
  });
  tracer.setId(root);
  tracer.recordAnnotation(new Annotation.ServerSend());
  console.log(root.traceId);
});
// The client's own timer keeps no program alive.
const alive = setInterval(() => {}, 1000);
logger.on('success', () => clearInterval(alive));
