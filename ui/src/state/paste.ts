// What somebody pastes when they look for a request.

import { bytesOfBase64, hex } from "../engine/base/bytes";

/** Found is a trace, perhaps with a span of it. */
export interface Found {
  traceId: string;
  spanId?: string;
}

/**
 * findTrace reads a trace id out of a text: 32 or 16 hex digits, a traceparent, B3, X-Ray's 1-…-… form,
 * 16 bytes of base64, or a log line that contains one of them. Null if there is none.
 */
export function findTrace(text: string): Found | null {
  const trimmed = text.trim();
  const parent = /\b[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\b/i.exec(trimmed);
  if (parent) return found(parent[1], parent[2]);
  const b3 = /\b([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(-[01d])?\b/i.exec(trimmed);
  if (b3) return found(b3[1], b3[2]);
  const xray = /\b1-([0-9a-f]{8})-([0-9a-f]{24})\b/i.exec(trimmed);
  if (xray) return found(xray[1] + xray[2]);
  const named = /trace[-_ ]?id["']?\s*[=:]\s*["']?([0-9a-f]{16,32})\b/i.exec(trimmed);
  if (named) return found(named[1]);
  const uuid = /\b([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\b/i.exec(trimmed);
  if (uuid) return found(uuid.slice(1).join(""));
  const long = /\b[0-9a-f]{32}\b/i.exec(trimmed);
  if (long) return found(long[0]);
  if (/^[0-9a-f]{16}$/i.test(trimmed)) return found(trimmed);
  const bytes = /^[A-Za-z0-9+/_-]{22}(==)?$/.test(trimmed) ? bytesOfBase64(trimmed) : null;
  return bytes?.length === 16 ? found(hex(bytes)) : null;
}

function found(traceId: string, spanId?: string): Found | null {
  const padded = traceId.toLowerCase().padStart(32, "0");
  if (/^0+$/.test(padded)) return null;
  return spanId && !/^0+$/.test(spanId)
    ? { traceId: padded, spanId: spanId.toLowerCase() }
    : { traceId: padded };
}
