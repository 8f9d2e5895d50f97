// Output as it comes: follows while at the bottom; lines are filtered, wrapped, told with their times, kept as a file.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { shortTime } from "../format";
import { CopyButton } from "../kit";
import { save } from "../table/export";
import { type Source, useLines } from "./stream";
import { pieces } from "./text";

interface Props extends Source {
  label: string;
  empty?: string;
}

export default function Log({ label, open, resumes, empty = "No output yet." }: Props): ReactNode {
  const { lines, state, problem } = useLines({ open, resumes });
  const [filter, setFilter] = useState("");
  const [wrap, setWrap] = useState(false);
  const [times, setTimes] = useState(false);
  const [following, setFollowing] = useState(true);
  const [unseen, setUnseen] = useState(0);
  const scroll = useRef<HTMLDivElement>(null);

  const needle = filter.toLowerCase();
  const shown = useMemo(() => (needle ? lines.filter((line) => line.text.toLowerCase().includes(needle)) : lines), [lines, needle]);
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

  const text = () => lines.map((line) => line.text).join("\n");
  return (
    <section className="log" aria-label={label} data-log-state={state} data-lines={lines.length}>
      <div className="log-bar">
        <input type="search" className="input" aria-label={`Filter ${label}`} placeholder="Filter lines" value={filter} onChange={(event) => setFilter(event.target.value)} />
        <label className="row tight">
          <input type="checkbox" checked={wrap} onChange={(event) => setWrap(event.target.checked)} /> Wrap
        </label>
        <label className="row tight" title="When each line came while this page was open">
          <input type="checkbox" checked={times} onChange={(event) => setTimes(event.target.checked)} /> Times
        </label>
        <span className="grow" />
        <span className="muted small" role="status">
          {state === "open" ? "live" : state === "waiting" ? "interrupted, resuming …" : state === "failed" ? problem : `${lines.length} lines, complete`}
        </span>
        <div className="row line">
          <CopyButton text={text} label={`Copy ${label}`} />
          <button type="button" className="button small" onClick={() => save(`${label}.txt`, "text/plain", text())}>
            Download
          </button>
        </div>
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
              {times ? <span className="log-time">{clock(shown[item.index]?.at)}</span> : null}
              {pieces(shown[item.index]?.text ?? "").map((piece, index) => (piece.style ? <span key={index} className={piece.style}>{piece.text}</span> : piece.text))}
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

function clock(at: number | undefined): string {
  return at ? shortTime(at) : "";
}
