import { useState } from "react";
import { Icon } from "./icon";
import style from "./remarks.module.css";

/** Remarks is a quiet strip above a page's content. Dismissed, it stays away until it says something else. */
export function Remarks({ texts }: { texts: readonly string[] }) {
  const [dismissed, setDismissed] = useState("");
  const text = texts.join(" ");
  return (
    <div role="status">
      {text !== "" && text !== dismissed && (
        <div className={style.remarks}>
          <Icon name="link" size={14} />
          <span className="isolate">{text}</span>
          <button
            type="button"
            className="button quiet icon"
            onClick={() => {
              setDismissed(text);
              document.getElementById("main")?.focus(); // the focus must be somewhere
            }}
            aria-label="Dismiss"
            title="Dismiss"
          >
            <Icon name="close" size={14} />
          </button>
        </div>
      )}
    </div>
  );
}
