// Whether a query says in which order its traces come.

/** isOrdered reports whether a query has an order of its own: … | order by …. Texts in it say nothing. */
export function isOrdered(query: string): boolean {
  return /\|\s*order\s+by\b/.test(query.replace(/"(?:\\.|[^"\\])*"|`[^`]*`/g, '""'));
}
