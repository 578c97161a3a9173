import type { SearchAnswer } from "../../api/client";
import { formatCount } from "../../engine/base/time";

/** keptText says how many spans there were, where samplers left some out. */
export function keptText({
  estimatedSpans,
  standardError,
}: NonNullable<SearchAnswer["count"]>): string | undefined {
  if (estimatedSpans === undefined || standardError === undefined) return undefined;
  return `kept of about ${formatCount(Math.round(estimatedSpans))} ± ${formatCount(Math.round(standardError))} spans`;
}
