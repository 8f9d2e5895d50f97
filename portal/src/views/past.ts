// What the plots of a page know of the time before now.

import { at } from "../contract/pointer";
import type { PlotView, Stream } from "../contract/types";
import type { Points } from "../ui/Plot";

const GAP_S = 20;
const KEPT_S = 3700;

export interface Past {
  times: number[];
  lines: Map<string, (number | null)[]>;
}

const pasts = new Map<string, Past>();

/** Return the past of a plot; it stays for the page's lifetime, so that coming back to a plot shows it. */
export function pastOf(name: string): Past {
  let found = pasts.get(name);
  if (found === undefined) {
    found = { times: [], lines: new Map() };
    pasts.set(name, found);
  }
  return found;
}

export function timeOf(stream: Stream, data: unknown): number {
  const told = stream.time ? Number(at(data, stream.time)) : Number.NaN;
  return Number.isFinite(told) ? (told > 1e11 ? told / 1000 : told) : Date.now() / 1000;
}

/** Add what was measured at a time; an outage before it stays a gap. Returns whether it was new. */
export function add(past: Past, view: PlotView, time: number, data: unknown): boolean {
  const last = past.times.at(-1);
  if (last !== undefined && time <= last) return false;
  if (last !== undefined && time - last > GAP_S) put(past, last + 0.001, new Map());
  put(past, time, valuesOf(view, data));
  return true;
}

/** End the line: from here on nothing is known. */
export function interrupt(past: Past): void {
  const last = past.times.at(-1);
  const ended = [...past.lines.values()].every((values) => values.at(-1) === null);
  if (last !== undefined && !ended) put(past, last + 0.001, new Map());
}

/** Fill in, from samples of the same topic, what this page has not heard itself. */
export function fill(past: Past, view: PlotView, stream: Stream, samples: unknown[]): void {
  const heard = past.times
    .map((time, index) => ({ time, values: new Map([...past.lines].map(([label, values]) => [label, values[index] ?? null])) }))
    .filter((row) => [...row.values.values()].some((value) => value !== null));
  const steps: number[] = [];
  const told = samples.map((sample) => ({ time: timeOf(stream, sample), values: valuesOf(view, sample) })).filter((row) => Number.isFinite(row.time));
  for (const [index, row] of told.entries()) if (index > 0) steps.push(row.time - (told[index - 1]?.time ?? row.time));
  const usual = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const known = heard.map((row) => row.time);
  const news = told.filter((row) => !known.some((time) => Math.abs(time - row.time) <= usual / 2));
  const old = new Set(known);
  const breaks = past.times.filter((time) => !old.has(time));
  past.times = [];
  past.lines = new Map();
  const gap = Math.max(GAP_S, 3 * usual);
  for (const row of [...heard, ...news].sort((a, b) => a.time - b.time)) {
    const last = past.times.at(-1);
    if (last !== undefined && row.time <= last) continue;
    // Between two of its own the page knows where it heard nothing; what the past fills in goes on as a line.
    const broken = last !== undefined && old.has(last) && old.has(row.time) && breaks.some((time) => time > last && time < row.time);
    if (last !== undefined && (broken || row.time - last > gap)) put(past, last + 0.001, new Map());
    put(past, row.time, row.values);
  }
}

function valuesOf(view: PlotView, data: unknown): Map<string, number | null> {
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

function put(kept: Past, time: number, values: Map<string, number | null>): void {
  kept.times.push(time);
  for (const label of values.keys()) if (!kept.lines.has(label)) kept.lines.set(label, new Array<null>(kept.times.length - 1).fill(null));
  for (const [label, line] of kept.lines) line.push(values.get(label) ?? null);
  const first = kept.times.findIndex((each) => each > time - KEPT_S);
  if (first > 0) {
    kept.times.splice(0, first);
    for (const line of kept.lines.values()) line.splice(0, first);
  }
}

export function shown(kept: Past): Points {
  return { times: [...kept.times], lines: [...kept.lines].map(([label, values]) => ({ label, values: [...values] })) };
}
