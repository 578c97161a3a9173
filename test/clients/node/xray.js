// Sends a segment and what is below it with X-Ray's SDK for Node.js, and prints the id of
// the trace: node xray.js HOST:PORT
const xray = require('aws-xray-sdk-core');

xray.setDaemonAddress(process.argv[2]);
xray.setContextMissingStrategy('RUNTIME_ERROR');
const segment = new xray.Segment('front');
segment.addAnnotation('tier', 'gold');
segment.addMetadata('ratio', 0.5, 'debug');
xray.getNamespace().run(() => {
  xray.setSegment(segment);
  xray.captureFunc('work', (part) => {
    part.addAnnotation('items', 3);
    part.addError(new Error('no stock'));
  });
  const call = segment.addNewSubsegment('back');
  call.namespace = 'remote';
  call.close();
});
segment.close();
console.log(segment.trace_id);
