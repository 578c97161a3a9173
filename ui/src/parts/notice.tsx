import type { ReactNode } from "react";
import style from "./notice.module.css";

/** Notice says in place of content what is the matter, why, and what to do about it. */
export function Notice({
  title,
  children,
  actions,
  alert,
}: {
  title: string;
  children: ReactNode;
  actions?: ReactNode;
  alert?: boolean;
}) {
  return (
    <div className={style.notice} role={alert ? "alert" : "status"}>
      <h2>{title}</h2>
      {children}
      {actions && <div className={style.actions}>{actions}</div>}
    </div>
  );
}
