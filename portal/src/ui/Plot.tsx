import { type ReactNode, useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Unit } from "../contract/types";
import { inUnit } from "./format";

export interface Line {
  label: string;
}

export interface Points {
  /** Seconds since the epoch. */
  times: number[];
  lines: { label: string; values: (number | null)[] }[];
}

interface Props {
  title: string;
  unit?: Unit | undefined;
  max?: number | undefined;
  spanS: number;
  points: Points;
}

const BINARY = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].flatMap((n) => [n, n * 1024, n * 1024 ** 2, n * 1024 ** 3, n * 1024 ** 4]).sort((a, b) => a - b);

const SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const MINUTES = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function clock(seconds: number, spanS: number): string {
  return (spanS > 300 ? MINUTES : SECONDS).format(seconds * 1000);
}

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Resolve a token: canvas knows no light-dark(). */
function colour(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found || css(name);
}

const sync = uPlot.sync("edge-plots");

export default function Plot({ title, unit, max, spanS, points }: Props): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(points);
  latest.current = points;
  const [themed, setThemed] = useState(0);
  const names = points.lines.map((line) => line.label).join("\n");

  useEffect(() => {
    const again = () => setThemed((n) => n + 1);
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", again);
    addEventListener("edge-theme", again);
    return () => {
      media.removeEventListener("change", again);
      removeEventListener("edge-theme", again);
    };
  }, []);

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const muted = colour("--muted");
    const grid = colour("--border");
    const lines = names.split("\n");
    const binary = unit === "bytes" || unit === "bytes_per_second";
    const axis = { stroke: muted, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 }, font: '12px system-ui, "Liberation Sans", sans-serif' };
    const made = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: 180,
        legend: { show: false },
        cursor: { sync: { key: sync.key }, drag: { x: false, y: false }, points: { size: 6 } },
        scales: {
          x: { time: true, range: (_plot, _min, high) => [(Number.isFinite(high) ? high : Date.now() / 1000) - spanS, Number.isFinite(high) ? high : Date.now() / 1000] },
          y: { range: (_plot, _low, high) => [0, max ?? (unit === "percent" ? 100 : Number.isFinite(high) && high > 0 ? high * 1.1 : 1)] },
        },
        axes: [
          { ...axis, space: 80, size: 28, values: (_plot, splits) => splits.map((each) => clock(each, spanS)), incrs: [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600] },
          { ...axis, size: 74, values: (_plot, splits) => splits.map((value) => inUnit(value, unit)), ...(binary ? { incrs: BINARY } : {}) },
        ],
        series: [
          {},
          ...lines.map((label, index) => ({
            label, stroke: colour(`--c${index % 6}`), width: 1.8, spanGaps: false, points: { show: false },
            ...(lines.length === 1 ? { fill: colour(`--c${index % 6}`).replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)") } : {}),
          })),
        ],
      },
      data(latest.current),
      element,
    );
    plot.current = made;
    const seen = new ResizeObserver(() => made.setSize({ width: Math.max(200, element.clientWidth), height: 180 }));
    seen.observe(element);
    return () => {
      seen.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [names, unit, max, spanS, themed]);

  useEffect(() => {
    if (!document.hidden) plot.current?.setData(data(points));
  }, [points]);

  const now = points.lines.map((line, index) => ({ label: line.label, value: line.values.findLast((each) => each !== null), index }));
  const gaps = points.times.filter((_, index) => points.lines.every((line) => line.values[index] === null)).length;
  return (
    <figure className="stack tight" data-points={points.times.length} data-gaps={gaps}>
      <div className="plot" ref={box} aria-hidden="true" />
      <figcaption className="plot-values">
        <span className="sr">{title}, now: </span>
        {now.map((each) => (
          <span key={each.label}>
            <span className={`swatch s${each.index % 6}`} aria-hidden="true" />
            {each.label} <strong>{each.value === undefined || each.value === null ? "–" : inUnit(each.value, unit)}</strong>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function data(points: Points): uPlot.AlignedData {
  return [points.times, ...points.lines.map((line) => line.values)] as uPlot.AlignedData;
}
