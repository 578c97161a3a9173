import { ApiError } from "../../api/client";
import { Notice } from "../../parts/notice";
import type { Search } from "../../state/search";
import { Examples } from "./examples";

/** Failed says in place of an answer why there is none; where the query is at fault, which its box says, queries that work. */
export function Failed({
  title,
  error,
  again,
  numbers,
  go,
}: {
  title: string;
  error: Error;
  again: () => unknown;
  numbers: boolean;
  go: (s: Search) => void;
}) {
  if (error instanceof ApiError && error.kind === "invalid") return <Examples go={go} numbers={numbers} />;
  return (
    <Notice
      alert
      title={title}
      actions={
        <button type="button" className="button" onClick={() => void again()}>
          Try again
        </button>
      }
    >
      <p>{error.message}</p>
    </Notice>
  );
}
