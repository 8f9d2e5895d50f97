import {
  Component, type ReactNode, type RefObject, useCallback, useEffect, useId, useRef, useState, useSyncExternalStore,
} from "react";
import { Problem } from "../api/client";
import { useConnection } from "../api/events";
import type { Tone } from "../contract/types";
import { ago } from "./format";

// --- icons ------------------------------------------------------------------------------------------

const PATHS: Record<string, string> = {
  edges: "M12 12 6 6m6 6 6-6m-6 6v7M6 6m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M18 6m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M12 19m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  activity: "M3 12h4l3 7 4-14 3 7h4",
  bridge: "M3 17h18M5 17v-4a7 7 0 0 1 14 0v4M9 17v-5m6 5v-5",
  settings: "M4 7h10m4 0h2M4 17h2m4 0h10M16 5v4M8 15v4",
  launch: "M12 3v12m0-12 4 4m-4-4-4 4M5 21h14",
  search: "M11 4a7 7 0 1 0 0 14a7 7 0 1 0 0-14m5 12 4 4",
  queue: "M4 6h16M4 12h16M4 18h10",
  gauge: "M12 14l4-4M4 18a9 9 0 1 1 16 0z",
  folder: "M3 7a1 1 0 0 1 1-1h5l2 2h9a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1z",
  chart: "M4 20V4m0 16h16M8 16v-4m4 4V8m4 8v-6",
  rocket: "M5 19c1-4 3-9 9-13 2-1 4-1 5-1 0 1 0 3-1 5-4 6-9 8-13 9zM9 13l2 2",
  flask: "M9 3h6M10 3v6l-5 9a2 2 0 0 0 2 3h10a2 2 0 0 0 2-3l-5-9V3",
  plugin: "M9 3v5M15 3v5M6 8h12v4a6 6 0 0 1-12 0zM12 18v3",
  sun: "M12 7a5 5 0 1 0 0 10a5 5 0 1 0 0-10M12 1v3m0 16v3M4 4l2 2m12 12 2 2M1 12h3m16 0h3M4 20l2-2M18 6l2-2",
  out: "M15 4h4v16h-4M10 8l-4 4 4 4M6 12h10",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h10v11H9zM5 15V4h10",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4",
  check: "M5 12l5 5 9-10",
  pin: "M9 3h6l-1 6 4 4H6l4-4zM12 13v8",
  plus: "M12 5v14M5 12h14",
  up: "M12 19V5m0 0-6 6m6-6 6 6",
  down: "M12 5v14m0 0 6-6m-6 6-6-6",
};

export function Icon({ name }: { name: string }): ReactNode {
  const path = Object.hasOwn(PATHS, name) ? PATHS[name] : PATHS.plugin;
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

export function Badge({ tone, children }: { tone: Tone; children: ReactNode }): ReactNode {
  return (
    <span className={`badge ${tone}`}>
      <span className={`dot ${tone}`} aria-hidden="true" />
      {children}
    </span>
  );
}

// --- toasts -----------------------------------------------------------------------------------------

interface Toast {
  id: number;
  tone: "ok" | "bad";
  text: ReactNode;
  requestId?: string;
}

let toasts: Toast[] = [];
let next = 1;
const heard = new Set<() => void>();

function change(to: Toast[]): void {
  toasts = to.slice(-4);
  for (const each of heard) each();
}

export function toast(tone: "ok" | "bad", text: ReactNode, requestId?: string): void {
  const made: Toast = { id: next++, tone, text, ...(requestId ? { requestId } : {}) };
  change([...toasts, made]);
  if (tone === "ok") setTimeout(() => change(toasts.filter((each) => each !== made)), 6000);
}

export function toastError(error: unknown, what: string): void {
  const problem = error instanceof Problem ? error : undefined;
  toast("bad", `${what}: ${error instanceof Error ? error.message : String(error)}`, problem?.requestId);
}

export function Toasts(): ReactNode {
  const shown = useSyncExternalStore(
    (listener) => {
      heard.add(listener);
      return () => heard.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite" aria-label="Messages">
      {shown.map((each) => (
        <div key={each.id} className={`toast ${each.tone}`}>
          <div className="grow">
            {each.text}
            {each.requestId ? (
              <details>
                <summary className="small muted">Details</summary>
                <p className="small">
                  Request <code>{each.requestId}</code> <CopyButton text={each.requestId} label="Copy request id" />
                </p>
              </details>
            ) : null}
          </div>
          <button type="button" className="iconbutton" aria-label="Dismiss" onClick={() => change(toasts.filter((other) => other !== each))}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

// --- copying ----------------------------------------------------------------------------------------

export function CopyButton({ text, label = "Copy" }: { text: string | (() => string); label?: string }): ReactNode {
  const [done, setDone] = useState(false);
  const [manual, setManual] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (manual !== undefined) field.current?.select();
  }, [manual]);
  const copy = async () => {
    const wanted = typeof text === "string" ? text : text();
    try {
      await navigator.clipboard.writeText(wanted);
      setDone(true);
      setTimeout(() => setDone(false), 2000);
    } catch {
      setManual(wanted); // no secure context: the browser keeps the clipboard to itself
    }
  };
  return (
    <>
      <button type="button" className="iconbutton" aria-label={done ? "Copied" : label} title={label} onClick={() => void copy()}>
        <Icon name={done ? "check" : "copy"} />
      </button>
      {manual === undefined ? null : <textarea ref={field} className="input mono" readOnly value={manual} aria-label={label} rows={3} />}
    </>
  );
}

export function Command({ text, label }: { text: string; label?: string }): ReactNode {
  return (
    <div className="command">
      <pre>{text}</pre>
      <CopyButton text={text} label={label ?? "Copy command"} />
    </div>
  );
}

// --- states -----------------------------------------------------------------------------------------

export function Skeleton({ lines = 4 }: { lines?: number }): ReactNode {
  return (
    <div className="stack tight" aria-busy="true">
      <span className="sr">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className="skeleton" />
      ))}
    </div>
  );
}

export function ErrorCard({ error, title = "This can’t be shown", again }: { error: unknown; title?: string; again?: () => void }): ReactNode {
  const problem = error instanceof Problem ? error : undefined;
  return (
    <div className="card error stack tight" role="alert">
      <h2>{title}</h2>
      <p>{error instanceof Error ? error.message : String(error)}</p>
      {problem?.requestId ? (
        <p className="small muted">
          Request <code>{problem.requestId}</code>
        </p>
      ) : null}
      {again ? (
        <p>
          <button type="button" className="button" onClick={again}>
            Try again
          </button>
        </p>
      ) : null}
    </div>
  );
}

/** Keeps what breaks to itself: the rest of the page goes on. */
export class Boundary extends Component<{ title?: string; children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined };
  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }
  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return (
      <ErrorCard
        error={this.state.error}
        {...(this.props.title ? { title: this.props.title } : {})}
        again={() => this.setState({ error: undefined })}
      />
    );
  }
}

export function Ago({ ms }: { ms: number }): ReactNode {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 10_000);
    return () => clearInterval(timer);
  }, []);
  return <time dateTime={new Date(ms).toISOString()}>{ago(ms)}</time>;
}

/** Data with its age where the bridge is away. */
export function Stale({ since, children }: { since: number; children: ReactNode }): ReactNode {
  const away = useConnection().status !== "live";
  if (!away) return children;
  return (
    <div>
      {since ? (
        <p className="small muted">
          As of <Ago ms={since} />
        </p>
      ) : null}
      <div className="stale">{children}</div>
    </div>
  );
}

export function Page({ title, crumbs, side, children, lead }: { title: string; crumbs?: ReactNode; side?: ReactNode; lead?: ReactNode; children: ReactNode }): ReactNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Edge Explorer`;
  }, [title]);
  useEffect(() => {
    // After a change of route a screen reader begins at the new page; at first load the browser's own order holds.
    if (moved.yes) heading.current?.focus();
    moved.yes = true;
  }, []);
  return (
    <div className="page">
      <div className="page-head">
        <div className="grow">
          {crumbs ? (
            <nav className="crumbs" aria-label="Where this is">
              {crumbs}
            </nav>
          ) : null}
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead ? <div className="muted">{lead}</div> : null}
        </div>
        {side ? <div className="row">{side}</div> : null}
      </div>
      {children}
    </div>
  );
}
const moved = { yes: false };

// --- dialogs ----------------------------------------------------------------------------------------

/** Return the ref of a dialog that opens with its component; the focus goes back to where it was. */
export function useModal(): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return dialog;
}

export interface Question {
  title: string;
  text: ReactNode;
  confirm: string;
  retype?: string;
}

/** Asks before something is destroyed: the focus is on “Keep”, Escape keeps, Enter confirms nothing. */
export function ConfirmDialog({ question, answer }: { question: Question; answer: (yes: boolean) => void }): ReactNode {
  const dialog = useModal();
  const keep = useRef<HTMLButtonElement>(null);
  const [typed, setTyped] = useState("");
  const id = useId();
  useEffect(() => keep.current?.focus(), []);
  const ready = question.retype === undefined || typed === question.retype;
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        answer(false);
      }}
    >
      <div className="stack">
        <h2 id={id}>{question.title}</h2>
        <div>{question.text}</div>
        {question.retype !== undefined ? (
          <div>
            <label className="label" htmlFor={`${id}-retype`}>
              Type <code>{question.retype}</code> to confirm
            </label>
            <input id={`${id}-retype`} className="input mono" autoComplete="off" spellCheck={false} value={typed} onChange={(event) => setTyped(event.target.value)} />
          </div>
        ) : null}
        <div className="row">
          <button ref={keep} type="button" className="button" onClick={() => answer(false)}>
            Keep
          </button>
          <button type="button" className="button danger primary" disabled={!ready} onClick={() => answer(true)}>
            {question.confirm}
          </button>
        </div>
      </div>
    </dialog>
  );
}

/** Return the dialog to render, and a function that asks and returns the answer. */
export function useConfirm(): [ReactNode, (question: Question) => Promise<boolean>] {
  const [asked, setAsked] = useState<{ question: Question; resolve: (yes: boolean) => void }>();
  const ask = useCallback((question: Question) => new Promise<boolean>((resolve) => setAsked({ question, resolve })), []);
  const shown = asked ? (
    <ConfirmDialog
      question={asked.question}
      answer={(yes) => {
        setAsked(undefined);
        asked.resolve(yes);
      }}
    />
  ) : null;
  return [shown, ask];
}

// --- kept choices -----------------------------------------------------------------------------------

export function useKept<T>(name: string, initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    try {
      const kept = localStorage.getItem(`edge.${name}`);
      return kept === null ? initial : (JSON.parse(kept) as T);
    } catch {
      return initial;
    }
  });
  return [
    value,
    (to) => {
      setValue(to);
      try {
        localStorage.setItem(`edge.${name}`, JSON.stringify(to));
      } catch {
        // No storage: the choice holds as long as the page.
      }
    },
  ];
}
