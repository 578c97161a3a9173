// Puts a .gz and a .br beside every file of the built page that gets smaller by it.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../../web/dist", import.meta.url).pathname;

/** Files smaller than this gain nothing on the wire: they fit one packet anyway. */
const leastBytes = 1000;

for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  const file = join(dist, name);
  if (!statSync(file).isFile() || !/\.(js|css|svg|json|txt)$/.test(name)) continue;
  const body = readFileSync(file);
  if (body.length < leastBytes) continue;
  const forms = {
    ".gz": gzipSync(body, { level: 9 }),
    ".br": brotliCompressSync(body, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
    }),
  };
  for (const [suffix, form] of Object.entries(forms)) {
    if (form.length < body.length) writeFileSync(file + suffix, form);
  }
}
