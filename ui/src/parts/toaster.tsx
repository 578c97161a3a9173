import { useSyncExternalStore } from "react";
import { dismissToast, shownToast, subscribeToast } from "../state/toast";
import style from "./toaster.module.css";

/** Toaster shows the page's short messages, politely. */
export function Toaster() {
  const toast = useSyncExternalStore(subscribeToast, shownToast);
  const act = () => {
    toast?.action?.run();
    dismissToast();
  };
  return (
    <div className={style.toaster} role="status" aria-live="polite">
      {toast && (
        <div className={style.toast}>
          <span>{toast.text}</span>
          {toast.action && (
            <button type="button" className="button" onClick={act}>
              {toast.action.label}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
