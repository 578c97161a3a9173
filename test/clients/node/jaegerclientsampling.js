// Samples with Jaeger's client by the strategies of a server: node jaegerclientsampling.js URL
//
// It ends when it samples the operation of a rule and no other one, and was reached by a change of
// the rest.
const { ConstSampler, NoopReporter, RemoteSampler, Tracer } = require('jaeger-client');
const { setTimeout: pause } = require('node:timers/promises');

const sampler = new RemoteSampler('shop', { hostPort: process.argv[2], refreshInterval: 50, sampler: new ConstSampler(false) });
const tracer = new Tracer('shop', new NoopReporter(), sampler);
function sampled(name) {
  let n = 0;
  for (let i = 0; i < 20; i++) {
    const span = tracer.startSpan(name);
    n += span.context().isSampled();
    span.finish();
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
  if (sampled('GET /items') > 1) throw new Error('an operation without a rule is sampled'); // the first of an operation is, even at a lower bound of 0
  console.log('sampled');
  await until('a change is known', () => sampled('GET /items') === 20);
  process.exit(0);
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
