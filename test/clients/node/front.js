// A service that X-Ray's SDK traces: it answers one request, for which it asks another service,
// and prints the id of the trace: node front.js DAEMON-HOST:PORT URL
const http = require('http');
const xray = require('aws-xray-sdk-core');

const [daemon, upstream] = process.argv.slice(2);
xray.setDaemonAddress(daemon);
xray.middleware.disableCentralizedSampling();
xray.middleware.setDefaultName('front');
const traced = xray.captureHTTPs(http);

const fail = (err) => {
  console.error(err);
  process.exit(1);
};
const server = http.createServer((request, response) => {
  const segment = xray.middleware.traceRequestResponseCycle(request, response);
  xray.getNamespace().run(() => {
    xray.setSegment(segment);
    traced
      .get(upstream, (answer) => {
        answer.resume();
        answer.on('end', () => response.end(segment.trace_id));
      })
      .on('error', fail);
  });
});
server.listen(0, '127.0.0.1', () => {
  http
    .get({ host: '127.0.0.1', port: server.address().port, path: '/checkout' }, (response) => {
      let id = '';
      response.on('data', (chunk) => (id += chunk));
      response.on('end', () => {
        console.log(id);
        server.close();
      });
    })
    .on('error', fail);
});
