// What is around every page: rail, header, omnibox, help.

import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useLost } from "../api/reach";
import { useAccess } from "../api/token";
import { Icon, Mark } from "../parts/icon";
import { copyText } from "../parts/copy";
import { Toaster } from "../parts/toaster";
import { keyCaps, useKeys } from "../state/keys";
import { useNarrow } from "../state/narrow";
import { freeze, isRelative } from "../state/range";
import { parseSearch, stringifySearch } from "../state/search";
import { isTrue, setting, useSetting } from "../state/setting";
import { nextTheme, theme } from "../state/theme";
import { zone } from "../state/zone";
import { HelpSheet } from "./help";
import { Omnibox } from "./omnibox";
import style from "./shell.module.css";
import { TokenDialog, TokenWanted } from "./token";

const railWide = setting<boolean>("railWide", false, isTrue);

/** shareLink copies the address so that it shows the same for ever: relative time becomes absolute. */
export function shareLink(): void {
  const url = new URL(location.href);
  const search = parseSearch(url.search);
  if (search.t && isRelative(search.t)) search.t = freeze(search.t, Date.now());
  url.search = stringifySearch(search);
  void copyText(url.href, "link");
}

export function Shell() {
  const navigate = useNavigate();
  const [wide, setWide] = useSetting(railWide);
  const [chosenTheme, setTheme] = useSetting(theme);
  const [shownZone, setZone] = useSetting(zone);
  const narrow = useNarrow();
  const [omnibox, setOmnibox] = useState(false);
  const [help, setHelp] = useState(false);
  const [token, setToken] = useState(false);
  const { refusal, turn } = useAccess();
  useKeys([
    { keys: ["?"], label: "Keys that work here", group: "Everywhere", run: () => setHelp(true) },
    {
      keys: ["mod+k", "/"],
      label: "Go to trace, service or command",
      group: "Everywhere",
      run: () => setOmnibox(true),
    },
    { keys: ["g e"], label: "Go to Explore", group: "Everywhere", run: () => navigate({ to: "/explore" }) },
    { keys: ["g w"], label: "Go to Welcome", group: "Everywhere", run: () => navigate({ to: "/welcome" }) },
    { keys: ["["], label: "Widen the rail", group: "Everywhere", run: () => setWide(!wide) },
    { keys: ["D"], label: "Theme", group: "Everywhere", run: () => setTheme(nextTheme(chosenTheme)) },
    { keys: ["y"], label: "Copy link", group: "Everywhere", run: shareLink },
  ]);
  return (
    <div className={style.shell}>
      <a
        href="#main"
        className={`button ${style.skip}`}
        onClick={(e) => {
          e.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to content
      </a>
      <nav className={style.rail} data-wide={wide} aria-label="Pages">
        <Link to="/" className={style.mark} aria-label="clew, start page">
          <Mark />
          <span className={style.label}>clew</span>
        </Link>
        <RailLink to="/explore" icon="search" label="Explore" />
        <RailLink to="/welcome" icon="steps" label="Welcome" />
        <div className={style.space} />
        <button
          type="button"
          className={style.item}
          onClick={() => setTheme(nextTheme(chosenTheme))}
          title={`Theme: ${chosenTheme} (⇧D)`}
        >
          <Icon
            name={chosenTheme === "system" ? "system" : chosenTheme === "light" ? "sun" : "moon"}
            size={18}
          />
          <span className={style.label}>Theme: {chosenTheme}</span>
        </button>
        <button type="button" className={style.item} onClick={() => setHelp(true)} title="Keys (?)">
          <Icon name="help" size={18} />
          <span className={style.label}>Keys</span>
        </button>
      </nav>
      <header className={style.header}>
        <Crumb />
        <button
          type="button"
          className={style.omnibox}
          onClick={() => setOmnibox(true)}
          title="Go to trace ID, service or command"
        >
          <Icon name="search" size={14} />
          <span>{narrow ? "Go to…" : "Go to trace ID, service or command…"}</span>
          <kbd>{keyCaps("mod+k")}</kbd>
        </button>
        <button
          type="button"
          className="button quiet"
          onClick={() => setZone(shownZone === "utc" ? "local" : "utc")}
          title="Times in local time or UTC"
          aria-label={`Times are ${shownZone === "utc" ? "UTC" : "local"}; switch`}
        >
          <Icon name="clock" size={14} />
          {shownZone === "utc" ? "UTC" : "Local"}
        </button>
        <button
          type="button"
          className="button quiet icon"
          onClick={shareLink}
          aria-label="Copy link"
          title="Copy link (y)"
        >
          <Icon name="link" size={15} />
        </button>
      </header>
      <main className={style.main} id="main" tabIndex={-1}>
        <Lost />
        {refusal !== "" && <TokenWanted />}
        {/* The page stays as it is behind the question, and begins anew with another token. */}
        <div className={style.outlet} hidden={refusal !== ""} key={turn}>
          <Outlet />
        </div>
      </main>
      {omnibox && <Omnibox close={() => setOmnibox(false)} askToken={() => setToken(true)} />}
      {token && <TokenDialog close={() => setToken(false)} />}
      {help && <HelpSheet close={() => setHelp(false)} />}
      <Toaster />
    </div>
  );
}

function RailLink({
  to,
  icon,
  label,
}: {
  to: "/explore" | "/welcome";
  icon: "search" | "steps";
  label: string;
}) {
  return (
    <Link to={to} className={style.item} title={label} activeOptions={{ includeSearch: false }}>
      <Icon name={icon} size={18} />
      <span className={style.label}>{label}</span>
    </Link>
  );
}

const titles: Record<string, string> = { "": "clew", explore: "Explore", welcome: "Welcome" };

function Crumb() {
  const { pathname } = useLocation();
  const [, page, id] = /^\/?([^/]*)\/?([^/]*)/.exec(pathname) as RegExpExecArray;
  const title = page === "trace" ? `Trace ${id.slice(0, 8)}` : (titles[page] ?? "No such page");
  useEffect(() => {
    document.title = page === "" ? "clew" : `${title} · clew`;
  }, [page, title]);
  if (page !== "trace") return <div className={style.crumb}>{title}</div>;
  return (
    <div className={style.crumb}>
      <Link to="/explore">Explore</Link>
      <span>/</span>
      Trace
    </div>
  );
}

/** Lost says that the server does not answer. Welcome says it itself, in its first step. */
function Lost() {
  const lost = useLost();
  const { pathname } = useLocation();
  if (!lost || pathname.endsWith("/welcome")) return null;
  return (
    <div className={style.banner} role="status">
      <Icon name="warn" /> The server at {location.host} cannot be reached: what you see may be old. The page
      looks for it every second.
    </div>
  );
}
