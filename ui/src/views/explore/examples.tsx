import type { Search } from "../../state/search";
import style from "./explore.module.css";

const examples: readonly [q: string, words: string][] = [
  ["{ status = error }", "spans with an error"],
  ['{ resource.service.name = "cart" && duration > 20ms }', "slow spans of one service"],
  ['{ span.http.route =~ "/api/.*" && kind = server }', "server spans under a path"],
  ['{ name = "charge card" || span.db.system.name = "redis" }', "one operation, or one kind of database"],
];

const ofNumbers: typeof examples = [
  ["{ } | rate() by (resource.service.name)", "spans per second, by service"],
  ["{ kind = server } | quantile_over_time(duration, .5, .99)", "how long requests take"],
  ["({ status = error } | rate()) / ({ } | rate())", "the part that fails"],
];

/** Examples helps when a query could not be understood; numbers puts those first that end in a metric. */
export function Examples({ go, numbers }: { go: (s: Search) => void; numbers: boolean }) {
  const shown = numbers ? [...ofNumbers, ...examples] : [...examples, ...ofNumbers];
  return (
    <section className={style.examples}>
      <h2>Queries that work</h2>
      <ul>
        {shown.map(([q, words]) => (
          <li key={q}>
            <button type="button" onClick={() => go({ q })}>
              {q}
            </button>
            <span>{words}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
