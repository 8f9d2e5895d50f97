import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { useConnection, useTopic } from "../api/events";
import type { Place } from "../api/operations";
import { at } from "../contract/pointer";
import type { Description, PlotView as View, Stream } from "../contract/types";
import { text } from "../ui/format";
import Plot, { type Points } from "../ui/Plot";

const SPANS = [60, 900, 3600] as const;
const NAMES: Record<number, string> = { 60: "1 min", 900: "15 min", 3600: "1 h" };
const GAP_S = 20;

interface Kept {
  times: number[];
  lines: Map<string, (number | null)[]>;
}

// What a stream has told stays for the page's lifetime, so that coming back to a plot shows its past.
const pasts = new Map<string, Kept>();

export default function PlotView({ view, place, description }: { view: View; place: Place; description: Description }): ReactNode {
  const stream = description.streams[view.stream] as Stream;
  const name = `${place.edge}/${place.plugin}/${view.id}`;
  const kept = useRef<Kept>(undefined);
  if (kept.current === undefined || pasts.get(name) !== kept.current) {
    kept.current = pasts.get(name) ?? { times: [], lines: new Map() };
    pasts.set(name, kept.current);
  }
  const [points, setPoints] = useState<Points>(() => shown(kept.current as Kept));
  const [span, setSpan] = useState<number>(60);
  const [table, setTable] = useState(false);
  const live = useConnection().status === "live";

  const heard = useCallback(
    (data: unknown) => {
      const past = kept.current as Kept;
      const told = stream.time ? Number(at(data, stream.time)) : Number.NaN;
      const time = Number.isFinite(told) ? (told > 1e11 ? told / 1000 : told) : Date.now() / 1000;
      const last = past.times.at(-1);
      if (last !== undefined && time <= last) return;
      if (last !== undefined && time - last > GAP_S) put(past, last + 0.001, new Map());
      put(past, time, valuesOf(view, data));
      setPoints(shown(past));
    },
    [view, stream.time],
  );
  useTopic(place.edge, place.plugin, stream.topic, heard, description.topics[stream.topic]?.kind !== "durable");
  useEffect(() => {
    if (!live) {
      const past = kept.current as Kept;
      const last = past.times.at(-1);
      if (last !== undefined) put(past, last + 0.001, new Map());
    }
  }, [live]);

  // A plot for each of something that this host has none of says nothing.
  if (view.each !== undefined && points.lines.length === 0 && points.times.length > 0) return null;
  return (
    <section className="card" aria-label={view.title ?? view.id}>
      <div className="card-head">
        <h2>{view.title ?? view.id}</h2>
        <div className="row tight">
          {SPANS.map((each) => (
            <button key={each} type="button" className="chip" aria-pressed={span === each} onClick={() => setSpan(each)}>
              {NAMES[each]}
            </button>
          ))}
          <button type="button" className="chip" aria-pressed={table} onClick={() => setTable(!table)}>
            Table
          </button>
        </div>
      </div>
      {points.lines.length === 0 ? (
        <div className="empty" data-points={0}>
          Waiting for the first measurement …
        </div>
      ) : table ? (
        <div className="scroll-x">
          <table className="simple">
            <thead>
              <tr>
                <th scope="col">Time</th>
                {points.lines.map((line) => (
                  <th key={line.label} scope="col">
                    {line.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.times.slice(-10).map((time, row) => (
                <tr key={time}>
                  <td>{text(time, "time")}</td>
                  {points.lines.map((line) => (
                    <td key={line.label}>{text(line.values[Math.max(0, points.times.length - 10) + row], undefined, view.unit)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Plot title={view.title ?? view.id} unit={view.unit} max={view.max} spanS={span} points={points} />
      )}
    </section>
  );
}

function valuesOf(view: View, data: unknown): Map<string, number | null> {
  const found = new Map<string, number | null>();
  const number = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : null);
  if (view.each !== undefined) {
    const each = at(data, view.each);
    if (Array.isArray(each)) {
      for (const item of each.slice(0, 16) as unknown[]) {
        for (const series of view.series) {
          const label = series.label.startsWith("/") ? String(at(item, series.label) ?? series.label) : series.label;
          const value = number(at(item, series.field));
          if (value !== null || at(item, series.field) === null) found.set(label, value);
        }
      }
    }
  } else for (const series of view.series) found.set(series.label, number(at(data, series.field)));
  return found;
}

function put(kept: Kept, time: number, values: Map<string, number | null>): void {
  kept.times.push(time);
  for (const label of values.keys()) if (!kept.lines.has(label)) kept.lines.set(label, new Array<null>(kept.times.length - 1).fill(null));
  for (const [label, line] of kept.lines) line.push(values.get(label) ?? null);
  const first = kept.times.findIndex((each) => each > time - 3700);
  if (first > 0) {
    kept.times.splice(0, first);
    for (const line of kept.lines.values()) line.splice(0, first);
  }
}

function shown(kept: Kept): Points {
  return { times: [...kept.times], lines: [...kept.lines].map(([label, values]) => ({ label, values: [...values] })) };
}
