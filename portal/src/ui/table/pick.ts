// Which rows and columns a table shows: functions of what is asked for in the address.

import { at, leaf } from "../../contract/pointer";
import type { Column } from "../../contract/types";
import { cell } from "../format";

export type Asked = Record<string, string | undefined>;

/** What a column needs, in pixels. */
export const NARROW = 108;

/** The name in the address of the choice of one value of a field. */
export function facetName(field: string): string {
  return `is.${leaf(field)}`;
}

/** Return the columns that were chosen by their fields, all in their own order; undefined where none was chosen. */
export function chosen(columns: Column[], fields: string | undefined): Column[] | undefined {
  const named = fields?.split(",");
  const found = named && columns.filter((column) => named.includes(column.field));
  return found?.length ? found : undefined;
}

/** Return the columns that fit, the least important left out first. */
export function fitting(columns: Column[], width: number): Column[] {
  let kept = [...columns];
  while (kept.length > 1 && kept.length * NARROW > width) {
    const worst = Math.max(...kept.map((column) => column.priority ?? 5));
    const index = kept.map((column) => column.priority ?? 5).lastIndexOf(worst);
    kept = kept.filter((_, place) => place !== index);
  }
  return kept;
}

/** Return the rows that are asked for, in the order that is asked for. */
export function picked(rows: unknown[], columns: Column[], facets: string[], asked: Asked, words: string): unknown[] {
  let found = rows;
  for (const field of facets) {
    const wanted = asked[facetName(field)];
    if (wanted) found = found.filter((row) => String(at(row, field)) === wanted);
  }
  const needle = words.trim().toLowerCase();
  if (needle) found = found.filter((row) => columns.some((column) => cell(row, column).toLowerCase().includes(needle)));
  if (asked.sort) {
    const down = asked.dir === "down" ? -1 : 1;
    const field = asked.sort;
    found = [...found].sort((a, b) => compare(at(a, field), at(b, field), down));
  }
  return found;
}

/** Count the values of a field. */
export function tally(rows: unknown[], field: string): [string, number][] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const name = String(at(row, field));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

/** What has no value comes last in either direction. */
function compare(a: unknown, b: unknown, down: number): number {
  const none = (value: unknown) => Number(value === null || value === undefined);
  if (none(a) || none(b)) return none(a) - none(b);
  if (typeof a === "number" && typeof b === "number") return down * (a - b);
  return down * String(a).localeCompare(String(b), undefined, { numeric: true });
}
