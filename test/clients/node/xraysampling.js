// Samples with OpenTelemetry's X-Ray sampler by the rules of a server:
// node xraysampling.js http://HOST:PORT
//
// It ends when it samples as the rules say, has its share of a reservoir, and was reached by a
// change.
const { AWSXRayRemoteSampler } = require('@opentelemetry/sampler-aws-xray');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { ROOT_CONTEXT, SpanKind } = require('@opentelemetry/api');
const { SamplingDecision } = require('@opentelemetry/sdk-trace');
const { randomBytes } = require('node:crypto');
const { setTimeout: pause } = require('node:timers/promises');

const samplers = new Map();
function sampled(service, times) {
  if (!samplers.has(service)) {
    samplers.set(service, new AWSXRayRemoteSampler({ resource: resourceFromAttributes({ 'service.name': service }), endpoint: process.argv[2], pollingInterval: 300 }));
  }
  let n = 0;
  for (let i = 0; i < times; i++) {
    const result = samplers.get(service).shouldSample(ROOT_CONTEXT, randomBytes(16).toString('hex'), 'GET /', SpanKind.SERVER, { 'url.path': '/', 'http.request.method': 'GET' }, []);
    n += result.decision === SamplingDecision.RECORD_AND_SAMPLED;
  }
  return n;
}

async function until(what, met) {
  for (const end = Date.now() + 45_000; !(await met()); await pause(20)) {
    if (Date.now() > end) throw new Error('not within 45 s: ' + what);
  }
}

async function main() {
  await until('the rules are those of the server', () => sampled('shop', 20) === 20 && sampled('other', 20) === 0);
  sampled('shop', 20); // some of those above may have been sampled before the rules were there
  await until('three a second are sampled of a reservoir of three', async () => {
    let n = 0;
    for (const end = Date.now() + 2_000; Date.now() < end; await pause(20)) n += sampled('lease', 1);
    return n >= 5 && n <= 7;
  });
  await until('a change is known', () => sampled('shop', 20) === 0);
  console.log('done');
  process.exit(0);
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
