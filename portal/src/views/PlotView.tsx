import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { useConnection, useTopic } from "../api/events";
import { call, type Place } from "../api/operations";
import { at } from "../contract/pointer";
import type { Description, Operation, PlotView as View, Stream } from "../contract/types";
import { text } from "../ui/format";
import Plot, { type Points } from "../ui/Plot";
import { add, fill, interrupt, pastOf, shown, timeOf } from "./past";

const SPANS = [60, 900, 3600] as const;
const NAMES: Record<number, string> = { 60: "1 min", 900: "15 min", 3600: "1 h" };

export default function PlotView({ view, place, description }: { view: View; place: Place; description: Description }): ReactNode {
  const stream = description.streams[view.stream] as Stream;
  const name = `${place.edge}/${place.plugin}/${view.id}`;
  const past = pastOf(name);
  const [points, setPoints] = useState<Points>(() => shown(past));
  const [span, setSpan] = useState<number>(60);
  const [table, setTable] = useState(false);
  const live = useConnection().status === "live";

  const heard = useCallback(
    (data: unknown) => {
      // Nobody looks at a hidden page: what comes is kept, and drawn once somebody does.
      if (add(past, view, timeOf(stream, data), data) && !document.hidden) setPoints(shown(past));
    },
    [past, view, stream],
  );
  useTopic(place.edge, place.plugin, stream.topic, heard, description.topics[stream.topic]?.kind !== "durable");
  useEffect(() => {
    if (live) return;
    interrupt(past);
    setPoints(shown(past));
  }, [live, past]);
  useEffect(() => {
    const again = () => {
      if (!document.hidden) setPoints(shown(past));
    };
    document.addEventListener("visibilitychange", again);
    return () => document.removeEventListener("visibilitychange", again);
  }, [past]);
  useHistory(place, description, stream, (samples) => {
    fill(past, view, stream, samples);
    setPoints(shown(past));
  });

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

/** Read what was measured before this page was opened, once for all plots of a stream. */
function useHistory(place: Place, description: Description, stream: Stream, take: (samples: unknown[]) => void): void {
  const operation = stream.history === undefined ? undefined : description.operations[stream.history];
  const found = useQuery({
    queryKey: ["op", place.edge, place.plugin, stream.history, "history"],
    queryFn: ({ signal }) => call(place, operation as Operation, {}, { signal }),
    enabled: operation?.effect === "read",
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const taker = useRef(take);
  taker.current = take;
  useEffect(() => {
    const samples = found.data === undefined ? undefined : at(found.data, stream.samples ?? "/samples");
    if (Array.isArray(samples)) taker.current(samples);
  }, [found.data, stream.samples]);
}
