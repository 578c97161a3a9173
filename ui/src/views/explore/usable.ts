import { clip, visible } from "../../engine/base/text";
import { parseRange } from "../../state/range";
import type { Search } from "../../state/search";

/** quotedChars bounds what is repeated of a wrong parameter. */
const quotedChars = 40;

/** usable leaves out the parameters that cannot be followed, and says why, one sentence each. */
export function usable(search: Search): { params: Search; wrong: string[] } {
  const params = { ...search };
  const wrong: string[] = [];
  const refuse = (key: string, why: string) => {
    wrong.push(`${key}=${visible(clip(search[key] ?? "", quotedChars))} was left out: ${why}.`);
    delete params[key];
  };
  if (search.t && !parseRange(search.t, Date.now()))
    refuse("t", "a time range is 1h, all or FROM~TO. This is the last hour");
  if (search.live && search.live !== "1") refuse("live", "it is 1, or absent");
  return { params, wrong };
}
