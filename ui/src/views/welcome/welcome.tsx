// The first page of an empty store: three steps that tick themselves, and how to take them.

import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { getHealth, type Health, search, sendTestSpan, setDemo } from "../../api/client";
import { openTail } from "../../api/tail";
import { formatCount } from "../../engine/base/time";
import { CopyButton } from "../../parts/copy";
import { Icon } from "../../parts/icon";
import { Ago } from "../../parts/moment";
import { toast } from "../../state/toast";
import { type Doors, snippets } from "./snippets";
import style from "./welcome.module.css";

/** askMillis is how often the checklist looks at the server. */
const askMillis = 1000;

export function Welcome() {
  const health = useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => getHealth(signal),
    refetchInterval: askMillis,
    staleTime: 0,
  });
  // The error itself comes and goes with every new try.
  const lost = health.errorUpdatedAt > health.dataUpdatedAt;
  const newest = useNewest(health.data);
  useJump(health.data, lost);
  return (
    <div className={style.page}>
      <div className={style.inner}>
        <section>
          <div className={style.intro}>
            <h1>See your first request</h1>
            <p>Point any OpenTelemetry SDK at clew. Nothing else needs to be set up.</p>
          </div>
          <Steps health={health.data} lost={lost} newest={newest} />
        </section>
        <Languages doors={doorsOf(health.data)} />
        <Trouble health={health.data} lost={lost} />
      </div>
    </div>
  );
}

/** useNewest finds the newest trace as soon as there is one. */
function useNewest(health: Health | undefined): string | null {
  const any = (health?.store.spans ?? 0) > 0;
  const found = useQuery({
    queryKey: ["newest", health?.ingest.accepted ?? 0],
    queryFn: async ({ signal }) => (await search({ limit: 1 }, signal)).traces[0]?.traceId ?? null,
    enabled: any,
    placeholderData: (old) => old,
  });
  return found.data ?? null;
}

/**
 * useJump goes to the first trace by itself, if the reader was here before it: who comes to this page with
 * traces in store is left in peace.
 */
function useJump(health: Health | undefined, lost: boolean): void {
  const navigate = useNavigate();
  const spans = health?.store.spans;
  const tail = useRef<{ close(): void } | null>(null);
  useEffect(() => {
    // A stream to a server that went away comes back late or never: another one is opened when the server is here.
    if (lost) return;
    return () => {
      tail.current?.close();
      tail.current = null;
    };
  }, [lost]);
  useEffect(() => {
    // Once open, the stream stays open when the count changes: it is the stream that knows which trace it was.
    if (spans !== 0 || lost || tail.current) return;
    tail.current = openTail("", (event) => {
      const first = event.spans.find((s) => s.root) ?? event.spans[0];
      if (!first) return;
      tail.current?.close();
      void navigate({ to: "/trace/$traceId", params: { traceId: first.traceId } });
      toast({
        text: "Your first trace is here.",
        action: { label: "Back to Welcome", run: () => void navigate({ to: "/welcome" }) },
      });
    });
  }, [spans, lost, navigate]);
}

function doorOf(health: Health | undefined, name: string) {
  return health?.doors.find((d) => d.name === name);
}

/** doorsOf are the addresses as this reader's machine reaches them: a server that listens everywhere is where the page is. */
function doorsOf(health: Health | undefined): Doors {
  const reach = (name: string, port: string) => {
    const address = doorOf(health, name)?.address ?? `:${port}`;
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
    const everywhere = ["", "0.0.0.0", "::", "127.0.0.1", "::1"].includes(host);
    return `${everywhere ? location.hostname : host.includes(":") ? `[${host}]` : host}:${address.slice(colon + 1)}`;
  };
  return { grpc: reach("otlp-grpc", "4317"), http: reach("otlp-http", "4318") };
}

function Steps({
  health,
  lost,
  newest,
}: {
  health: Health | undefined;
  lost: boolean;
  newest: string | null;
}) {
  const listening = health !== undefined && !lost;
  const received = (health?.store.spans ?? 0) > 0;
  return (
    <ol className={style.steps}>
      <Step n={1} title={lost ? "Server not reached" : "Server listening"} done={listening} now={!listening}>
        {lost ? <NotReached /> : <DoorList health={health} />}
      </Step>
      <Step n={2} title="First span received" done={received} now={listening && !received}>
        {lost ? (
          <p>Nothing can arrive until the server is back.</p>
        ) : received ? (
          <p>{formatCount(health?.store.spans ?? 0)} spans kept.</p>
        ) : (
          <p>Waiting. Start your program with the lines on this page, or let clew send itself one:</p>
        )}
        <Senders health={health} listening={listening} />
      </Step>
      <Step n={3} title="Open it" done={listening && newest !== null} now={listening && received}>
        {listening && newest ? (
          <div className={style.actions}>
            <Link to="/trace/$traceId" params={{ traceId: newest }} className="button primary">
              Open the newest trace
            </Link>
            <Link to="/explore" className="button">
              Explore all
            </Link>
          </div>
        ) : (
          <p>The page goes there by itself.</p>
        )}
      </Step>
    </ol>
  );
}

function NotReached() {
  return (
    <div role="alert">
      <p>
        Nothing answers at <code>{location.host}</code>. Start clew again with <code>clew serve</code> (built
        from source: <code>make run</code>), or look at what it printed when it stopped. This page looks again
        every second.
      </p>
    </div>
  );
}

/** Senders are the ways to a trace without a program: they need the server. */
function Senders({ health, listening }: { health: Health | undefined; listening: boolean }) {
  const navigate = useNavigate();
  const test = useMutation({
    mutationFn: sendTestSpan,
    onSuccess: ({ traceId }) => navigate({ to: "/trace/$traceId", params: { traceId } }),
  });
  const received = (health?.store.spans ?? 0) > 0;
  return (
    <>
      <div className={style.actions}>
        <button
          type="button"
          className={received ? "button" : "button primary"}
          disabled={!listening || test.isPending}
          onClick={() => test.mutate()}
        >
          <Icon name="send" size={14} /> Send a test trace
        </button>
        {health?.demo && <DemoButton running={health.demo.running} disabled={!listening} />}
      </div>
      {listening && test.error && <p role="alert">It was not accepted: {test.error.message}</p>}
    </>
  );
}

/** DemoButton starts and stops the demo shop, whose traces say what they are: their services are those of a shop. */
function DemoButton({ running, disabled }: { running: boolean; disabled: boolean }) {
  const demo = useMutation({ mutationFn: setDemo });
  return (
    <>
      <button
        type="button"
        className="button"
        disabled={disabled || demo.isPending}
        onClick={() => demo.mutate(running ? "stop" : "start")}
      >
        {running ? "Stop the demo shop" : "Start the demo shop"}
      </button>
      {!disabled && demo.error && <p role="alert">{demo.error.message}</p>}
    </>
  );
}

function Step({
  n,
  title,
  done,
  now,
  children,
}: {
  n: number;
  title: string;
  done: boolean;
  now: boolean;
  children: React.ReactNode;
}) {
  return (
    <li className={`${style.step} ${done ? style.done : now ? style.now : ""}`}>
      <span className={style.bullet}>{done ? <Icon name="check" size={14} /> : n}</span>
      <h2>
        {title}
        {done && <span className="visually-hidden">, done</span>}
      </h2>
      {children}
    </li>
  );
}

const doorWords: Record<string, string> = { "otlp-grpc": "OTLP over gRPC", "otlp-http": "OTLP over HTTP" };

function DoorList({ health }: { health: Health | undefined }) {
  if (!health) return <p>Asking…</p>;
  return (
    <ul className={style.doors}>
      {health.doors
        .filter((d) => doorWords[d.name])
        .map((door) => (
          <li key={door.name}>
            <code>{door.address}</code>
            <span>
              {doorWords[door.name]}
              {door.state === "open"
                ? ""
                : `: ${door.error ?? door.state}${door.setting ? `; move it with ${door.setting}` : ""}`}
            </span>
          </li>
        ))}
    </ul>
  );
}

function Languages({ doors }: { doors: Doors }) {
  const all = snippets(doors);
  const [name, setName] = useState("Node");
  const shown = all.find((s) => s.name === name) ?? all[0];
  const move = (by: number) => {
    const next = all[(all.indexOf(shown) + by + all.length) % all.length];
    setName(next.name);
    document.getElementById(`language-${next.name}`)?.focus();
  };
  return (
    <section aria-label="How to send traces">
      {/* oxlint-disable-next-line jsx-a11y/interactive-supports-focus -- its tabs have the focus */}
      <div
        className={style.tabs}
        role="tablist"
        aria-label="Language"
        onKeyDown={(event) => {
          if (event.key === "ArrowRight") move(1);
          if (event.key === "ArrowLeft") move(-1);
        }}
      >
        {all.map((s) => (
          <button
            key={s.name}
            id={`language-${s.name}`}
            type="button"
            role="tab"
            aria-selected={s === shown}
            aria-controls="language-steps"
            tabIndex={s === shown ? 0 : -1}
            onClick={() => setName(s.name)}
          >
            {s.name}
          </button>
        ))}
      </div>
      <div
        className={style.snippet}
        role="tabpanel"
        id="language-steps"
        aria-labelledby={`language-${shown.name}`}
      >
        {shown.steps.map((step) => (
          <div key={step.title}>
            <h3>{step.title}</h3>
            <div className={style.code}>
              {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by key */}
              <pre tabIndex={0}>{step.code}</pre>
              <CopyButton text={step.code} what="code" />
            </div>
          </div>
        ))}
      </div>
    </section>
  );
}

function Trouble({ health, lost }: { health: Health | undefined; lost: boolean }) {
  return (
    <section className={style.trouble}>
      <h2>Nothing arriving?</h2>
      <Refusals health={health} lost={lost} />
      <ul>
        <li>gRPC and HTTP have different ports: an exporter for one cannot speak to the other.</li>
        <li>SDKs send in batches, every few seconds and at exit; a program that is killed sends nothing.</li>
        <li>
          From another machine or a container, localhost is not this one: start clew with{" "}
          <code>--listen-all</code> and use its address.
        </li>
        {health && !lost && (
          <li>
            Since its start the server received {formatCount(health.ingest.received)} spans and accepted{" "}
            {formatCount(health.ingest.accepted)}.
          </li>
        )}
      </ul>
    </section>
  );
}

/** Refusals tells what the server last refused; of a server that does not answer nothing is known. */
function Refusals({ health, lost }: { health: Health | undefined; lost: boolean }) {
  if (lost) return <p>The server cannot be reached: exporters keep their data for a while and try again.</p>;
  if (!health) return null;
  const last = health.ingest.lastRefused;
  if (!last) return <p>Nothing was refused: if no span came, none reached clew.</p>;
  return (
    <div className={style.refused}>
      Last refused <Ago unixNanos={last.time} /> at {doorWords[last.door] ?? last.door}
      {last.peer ? ` from ${last.peer}` : ""}: {last.reason}
    </div>
  );
}
