import { at, leaf } from "../contract/pointer";
import type { Column, Format, Schema, Tone, Unit } from "../contract/types";

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(value: number): string {
  let size = value;
  let step = 0;
  while (Math.abs(size) >= 1024 && step < SIZES.length - 1) {
    size /= 1024;
    step += 1;
  }
  return `${size >= 100 || step === 0 ? Math.round(size) : size.toFixed(1)} ${SIZES[step]}`;
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round((Date.now() - ms) / 1000));
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
export function time(value: unknown): string {
  const ms = typeof value === "number" ? (value > 1e11 ? value : value * 1000) : Date.parse(String(value));
  return Number.isFinite(ms) ? clock.format(ms) : String(value);
}

const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const before = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** A time as short as a table wants it: of today only the time of day, of other years only the day. */
export function shortTime(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  const ms = typeof value === "number" ? (value > 1e11 ? value : value * 1000) : Date.parse(String(value));
  if (!Number.isFinite(ms)) return String(value);
  const then = new Date(ms);
  const now = new Date();
  if (then.toDateString() === now.toDateString()) return today.format(ms);
  return then.getFullYear() === now.getFullYear() ? day.format(ms) : before.format(ms);
}

const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

export function inUnit(value: number, unit: Unit | undefined): string {
  switch (unit) {
    case "percent":
      return `${Math.round(value * 10) / 10} %`;
    case "bytes":
      return bytes(value);
    case "mebibytes":
      return bytes(value * 1024 * 1024);
    case "bytes_per_second":
      return `${bytes(value)}/s`;
    case "seconds":
      return duration(value);
    default:
      return number.format(value);
  }
}

/** Return a value as text. */
export function text(value: unknown, format?: Format, unit?: Unit): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "number") {
    if (unit) return inUnit(value, unit);
    switch (format) {
      case "bytes":
      case "mebibytes":
      case "percent":
        return inUnit(value, format);
      case "time":
        return time(value);
      case "duration":
        return duration(value);
      case "code":
      case "text":
        return String(value);
      default:
        return number.format(value);
    }
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return format === "time" ? time(value) : value;
  if (Array.isArray(value) && format !== "json") {
    return value.length === 0 ? "–" : value.map((each) => (typeof each === "object" ? JSON.stringify(each) : String(each))).join(" ");
  }
  return JSON.stringify(value);
}

/** Return a name as words: `node_count` is “Node count”. */
export function words(name: string): string {
  const spaced = name.replace(/[_-]+/g, " ").trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export function labelOf(column: Column): string {
  return column.label ?? words(leaf(column.field));
}

export function cell(row: unknown, column: Column): string {
  return text(at(row, column.field), column.format, column.unit);
}

export function toneOf(state: unknown, tones: Record<string, Tone> | undefined): Tone {
  return tones && typeof state === "string" && Object.hasOwn(tones, state) ? (tones[state] as Tone) : "idle";
}

/** Guess the format of a value that nobody described: what is named like an instant and can be one is a time. */
export function guessed(name: string, value: unknown): Format | undefined {
  return /(_at|_time|^as_of)$/.test(name) && typeof value === "number" && value >= 1e9 ? "time" : undefined;
}

/** Guess columns for rows nobody described, from their schema or their first row. */
export function columnsOf(rows: unknown[], schema?: Schema): Column[] {
  const properties = schema?.properties as Record<string, Schema> | undefined;
  const names = properties ? Object.keys(properties) : Object.keys((rows[0] as object | undefined) ?? {});
  return names.slice(0, 12).map((name, index) => {
    const format = guessed(name, (rows[0] as Record<string, unknown> | undefined)?.[name]);
    return {
      field: `/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`,
      label: words(name),
      priority: Math.min(9, index + 1),
      ...(format ? { format } : {}),
    };
  });
}
