// A stream of bytes as lines: follows while at the bottom, resumes at its byte offset, bounded in memory.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { Problem } from "../api/client";
import { useConnection } from "../api/events";
import { CopyButton } from "./kit";
import { save } from "./Table";

const KEPT = 100_000;
const LONGEST = 10_000;

export interface Piece {
  text: string;
  style: string;
}

// biome-ignore lint: control characters are what this is about
const ESCAPES = /\x1b\[([0-9;]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;

/** Split a line into pieces by its colours; every other control code is dropped. */
export function pieces(line: string): Piece[] {
  const found: Piece[] = [];
  let style: string[] = [];
  let from = 0;
  const push = (to: number) => {
    if (to > from) found.push({ text: line.slice(from, to), style: style.join(" ") });
  };
  for (const match of line.matchAll(ESCAPES)) {
    push(match.index);
    from = match.index + match[0].length;
    if (match[1] !== undefined) {
      for (const code of match[1].split(";")) {
        const number = Number(code || "0");
        if (number === 0) style = [];
        else if ([1, 2, 3, 4].includes(number)) style = [...style.filter((each) => each !== `a${number}`), `a${number}`];
        else if ((number >= 30 && number <= 37) || (number >= 90 && number <= 97)) style = [...style.filter((each) => each.length < 3), `a${number}`];
        else if (number === 39) style = style.filter((each) => each.length < 3);
      }
    }
  }
  push(line.length);
  return found;
}

/** What a line shows once progress bars have drawn over themselves. */
export function settled(line: string): string {
  const trimmed = line.endsWith("\r") ? line.slice(0, -1) : line;
  const last = trimmed.lastIndexOf("\r");
  const shown = last < 0 ? trimmed : trimmed.slice(last + 1);
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)} … (${shown.length - LONGEST} more characters)` : shown;
}

interface Props {
  label: string;
  /** Open the stream at a byte offset. */
  open: (offset: number, signal: AbortSignal) => Promise<Response>;
  resumes: boolean;
  empty?: string;
}

export default function Log({ label, open, resumes, empty = "No output yet." }: Props): ReactNode {
  const [lines, setLines] = useState<string[]>([]);
  const [state, setState] = useState<"open" | "ended" | "failed" | "waiting">("open");
  const [problem, setProblem] = useState("");
  const [filter, setFilter] = useState("");
  const [wrap, setWrap] = useState(false);
  const [following, setFollowing] = useState(true);
  const [unseen, setUnseen] = useState(0);
  const scroll = useRef<HTMLDivElement>(null);
  const live = useConnection().status === "live";
  const opener = useRef(open);
  opener.current = open;
  const [again, setAgain] = useState(0);
  const liveRef = useRef(live);
  liveRef.current = live;
  const progress = useRef({ offset: 0, lines: [] as string[], dropped: 0 });

  useEffect(() => {
    const abort = new AbortController();
    const kept = progress.current;
    let frame = 0;
    const show = () => {
      if (frame) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        setLines([...kept.lines]);
      });
    };
    const run = async () => {
      const decoder = new TextDecoder("utf-8");
      setState("open");
      const answer = await opener.current(kept.offset, abort.signal);
      const reader = answer.body?.getReader();
      if (!reader) return;
      if (!resumes) {
        kept.lines = [];
        kept.offset = 0;
      }
      while (true) {
        const { value, done } = await reader.read();
        if (done) break;
        kept.offset += value.byteLength;
        append(kept, decoder.decode(value, { stream: true }));
        show();
      }
      setState("ended");
    };
    run().catch((error: unknown) => {
      if (abort.signal.aborted) return;
      const told = error instanceof Problem ? error : undefined;
      if (told && told.status >= 400 && told.status < 500) {
        setProblem(told.message);
        setState("failed");
      } else setState("waiting");
    });
    return () => {
      abort.abort();
      cancelAnimationFrame(frame);
    };
  }, [again, resumes]);

  useEffect(() => {
    if (state !== "waiting") return undefined;
    const timer = setTimeout(() => setAgain((n) => n + 1), live ? 1000 : 4000);
    return () => clearTimeout(timer);
  }, [state, live]);

  const needle = filter.toLowerCase();
  const shown = useMemo(() => (needle ? lines.filter((line) => line.toLowerCase().includes(needle)) : lines), [lines, needle]);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 20,
    overscan: 20,
  });
  const total = virtual.getTotalSize();
  const seen = useRef(0);
  useEffect(() => {
    const element = scroll.current;
    if (!element) return;
    if (following) {
      element.scrollTop = element.scrollHeight;
      seen.current = shown.length;
      setUnseen(0);
    } else setUnseen(Math.max(0, shown.length - seen.current));
  }, [shown.length, total, following]);

  const text = () => lines.join("\n");
  return (
    <section className="log" aria-label={label} data-log-state={state} data-lines={lines.length}>
      <div className="log-bar">
        <input type="search" className="input" aria-label={`Filter ${label}`} placeholder="Filter lines" value={filter} onChange={(event) => setFilter(event.target.value)} />
        <label className="row tight">
          <input type="checkbox" checked={wrap} onChange={(event) => setWrap(event.target.checked)} /> Wrap
        </label>
        <span className="grow" />
        <span className="muted small" role="status">
          {state === "open" ? "live" : state === "waiting" ? "interrupted, resuming …" : state === "failed" ? problem : `${lines.length} lines, complete`}
        </span>
        <CopyButton text={text} label={`Copy ${label}`} />
        <button type="button" className="button small" onClick={() => save(`${label}.txt`, "text/plain", text())}>
          Download
        </button>
      </div>
      <div
        ref={scroll}
        className={`log-view${wrap ? " wrap" : ""}`}
        tabIndex={0}
        role="log"
        aria-label={label}
        aria-live="off"
        onScroll={(event) => {
          const element = event.currentTarget;
          setFollowing(element.scrollHeight - element.scrollTop - element.clientHeight < 24);
        }}
      >
        {lines.length === 0 ? <p className="log-empty">{state === "ended" ? "No output." : empty}</p> : null}
        <div className="log-lines" style={{ height: total }}>
          {virtual.getVirtualItems().map((item) => (
            <div key={item.key} ref={wrap ? virtual.measureElement : undefined} data-index={item.index} className="log-line" style={{ transform: `translateY(${item.start}px)` }}>
              {pieces(shown[item.index] ?? "").map((piece, index) => (piece.style ? <span key={index} className={piece.style}>{piece.text}</span> : piece.text))}
            </div>
          ))}
        </div>
      </div>
      {!following && unseen > 0 ? (
        <button type="button" className="button primary small log-more" onClick={() => setFollowing(true)}>
          {unseen} new lines
        </button>
      ) : null}
    </section>
  );
}

interface Progress {
  lines: string[];
  open?: string;
  dropped: number;
}

/** Append text to lines; the last one stays open until its end of line has come. */
export function append(kept: Progress, text: string): void {
  const parts = ((kept.open ?? "") + text).split("\n");
  if (kept.open !== undefined && kept.open !== "") kept.lines.pop();
  kept.open = parts.pop() ?? "";
  if (kept.open.length > 4 * LONGEST) kept.open = settled(kept.open);
  for (const part of parts) kept.lines.push(settled(part));
  if (kept.open !== "") kept.lines.push(settled(kept.open));
  if (kept.lines.length > KEPT * 1.1) {
    const over = kept.lines.length - KEPT;
    kept.lines.splice(0, over);
    kept.dropped += over;
  }
}
