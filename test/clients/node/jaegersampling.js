// Samples with OpenTelemetry's sampler for Jaeger's strategies: node jaegersampling.js URL
//
// It ends when it samples the operation of a rule and no other one, and was reached by a change of
// the rest.
const { JaegerRemoteSampler } = require('@opentelemetry/sampler-jaeger-remote');
const { ROOT_CONTEXT, SpanKind } = require('@opentelemetry/api');
const { AlwaysOffSampler, SamplingDecision } = require('@opentelemetry/sdk-trace');
const { randomBytes } = require('node:crypto');
const { setTimeout: pause } = require('node:timers/promises');

const sampler = new JaegerRemoteSampler({ endpoint: process.argv[2], serviceName: 'shop', poolingInterval: 50, initialSampler: new AlwaysOffSampler() });
function sampled(name) {
  let n = 0;
  for (let i = 0; i < 20; i++) {
    n += sampler.shouldSample(ROOT_CONTEXT, randomBytes(16).toString('hex'), name, SpanKind.SERVER, {}, []).decision === SamplingDecision.RECORD_AND_SAMPLED;
  }
  return n;
}

async function until(what, met) {
  for (const end = Date.now() + 30_000; !met(); await pause(20)) {
    if (Date.now() > end) throw new Error('not within 30 s: ' + what);
  }
}

async function main() {
  await until('the operation of a rule is sampled', () => sampled('POST /pay') === 20);
  if (sampled('GET /items') > 0) throw new Error('an operation without a rule is sampled');
  console.log('sampled');
  await until('a change is known', () => sampled('GET /items') === 20);
  process.exit(0);
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
