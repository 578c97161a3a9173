import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { useCallback } from "react";
import { probe, useOnFound } from "../api/reach";
import { Notice } from "../parts/notice";

/** Lost is the page of an address that leads nowhere. */
export function Lost() {
  return (
    <Notice
      title="There is no such page"
      actions={
        <Link to="/explore" className="button">
          Explore traces
        </Link>
      }
    >
      <p>The address may be mistyped. Links to traces look like /trace/4bf92f3577b34da6a3ce929d0e0e4736.</p>
    </Notice>
  );
}

/** missing is whether a file of the page could not be loaded: the server went away before this view was first seen. */
let missing = false;
addEventListener("vite:preloadError", () => {
  missing = true;
  void probe();
});

/** Trouble is the page of a fault in the page itself. */
export function Trouble({ error }: ErrorComponentProps) {
  useOnFound(useCallback(() => missing && location.reload(), []));
  return (
    <Notice
      alert
      title={missing ? "This part of the page could not be loaded" : "The page ran into a fault of its own"}
      actions={
        <button type="button" className="button" onClick={() => location.reload()}>
          Reload
        </button>
      }
    >
      {missing && <p>It is loaded by itself when the server answers again.</p>}
      <p className="mono">{error instanceof Error ? error.message : String(error)}</p>
    </Notice>
  );
}
