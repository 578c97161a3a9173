import { useState } from "react";
import { toast } from "../state/toast";
import { Icon } from "./icon";

/** copyText puts text on the clipboard and says so. Over plain http browsers offer no clipboard; then a selection does it. */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast({ text: `Copied ${what}` });
}

/** shownMillis is how long the tick stays. */
const shownMillis = 1200;

/** CopyButton copies a text; what names it in the message and for screen readers. */
export function CopyButton({ text, what, label }: { text: string; what: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await copyText(text, what);
    setDone(true);
    setTimeout(() => setDone(false), shownMillis);
  };
  return (
    <button
      type="button"
      className={`button quiet${label ? "" : " icon"}`}
      onClick={copy}
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
    >
      <Icon name={done ? "check" : "copy"} size={14} />
      {label}
    </button>
  );
}
