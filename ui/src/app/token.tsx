// Where a token is entered: in place of the page that the server refuses, and in a dialog.

import { type FormEvent, useId, useLayoutEffect, useRef, useState } from "react";
import { check, takeToken, useAccess } from "../api/token";
import { Icon } from "../parts/icon";
import { Notice } from "../parts/notice";
import { toast } from "../state/toast";
import { Dialog } from "./dialog";
import style from "./token.module.css";

/** TokenWanted takes the place of a page that the server refuses to fill. */
export function TokenWanted() {
  const { kept, refusal } = useAccess();
  return (
    <Notice title={kept ? "The token is not accepted any more" : "This server asks for a token"}>
      {kept && <p>The server says: {refusal}.</p>}
      <TokenForm />
    </Notice>
  );
}

/** TokenDialog is for who wants another token, or none. */
export function TokenDialog({ close }: { close: () => void }) {
  const { kept } = useAccess();
  return (
    <Dialog label="Token" className={style.dialog} close={close}>
      <div className={style.head}>
        <h1>Token</h1>
        <button type="button" className="button quiet icon" onClick={close} aria-label="Close">
          <Icon name="close" />
        </button>
      </div>
      {kept && (
        <p className={style.kept}>
          {kept === "tab"
            ? "A token is in use in this tab."
            : "A token is in use, and this browser remembers it."}
          <button
            type="button"
            className="button"
            onClick={() => {
              takeToken("", false);
              toast({ text: "The token is forgotten" });
              close();
            }}
          >
            Forget it
          </button>
        </p>
      )}
      <TokenForm done={close} />
    </Dialog>
  );
}

/** TokenForm asks the server about a token before it takes it into use. */
function TokenForm({ done }: { done?: () => void }) {
  const [text, setText] = useState("");
  const [remember, setRemember] = useState(useAccess().kept === "browser");
  const [wrong, setWrong] = useState("");
  const [asking, setAsking] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    input.current?.setAttribute("autofocus", ""); // a dialog focuses it when it opens
    input.current?.focus();
  }, []);
  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    setAsking(true);
    const why = await check(text.trim());
    setAsking(false);
    setWrong(why);
    if (why === "") {
      takeToken(text.trim(), remember);
      done?.();
    } else input.current?.select();
  };
  return (
    <form className={style.form} onSubmit={(event) => void onSubmit(event)}>
      <label htmlFor={id}>Token</label>
      <div className={style.line}>
        <input
          ref={input}
          id={id}
          className="field mono"
          type="password"
          value={text}
          onChange={(event) => setText(event.target.value)}
          autoComplete="off"
          spellCheck={false}
          aria-invalid={wrong !== ""}
          aria-describedby={`${id}-more`}
          required
        />
        <button type="submit" className="button primary" disabled={asking}>
          Use it
        </button>
      </div>
      <div role="alert">{wrong !== "" && <p className={style.wrong}>Not accepted: {wrong}</p>}</div>
      <label className={style.remember}>
        <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.target.checked)} />
        Remember it in this browser
      </label>
      <p className={style.more} id={`${id}-more`}>
        It is kept until this tab is closed, unless it is to be remembered, and sent to {location.host} alone.
        Whoever runs the server set it with <code>--tokens</code>; the right to read is enough.
      </p>
    </form>
  );
}
