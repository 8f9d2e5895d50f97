// A table of any length: only what can be seen is in the document.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { at } from "../contract/pointer";
import type { Column, StateHint } from "../contract/types";
import { cell, labelOf, shortTime, toneOf } from "./format";
import { Badge } from "./kit";

const ROW = 42;
const NARROW = 108;

interface Props {
  label: string;
  rows: unknown[];
  columns: Column[];
  keyOf: (row: unknown) => string;
  state?: StateHint;
  open?: (row: unknown) => void;
  actions?: (row: unknown) => ReactNode;
  bulk?: (rows: unknown[]) => ReactNode;
  empty?: ReactNode;
}

type Search = Record<string, string | undefined>;

export default function Table({ label, rows, columns, keyOf, state, open, actions, bulk: given, empty }: Props): ReactNode {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [filter, setFilter] = useState(search.q ?? "");
  const [width, setWidth] = useState(1000);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [current, setCurrent] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const scroll = useRef<HTMLDivElement>(null);

  const put = (change: Search) =>
    void navigate({ to: ".", search: (before: Search) => clean({ ...before, ...change }), replace: true } as never);
  useEffect(() => {
    if ((search.q ?? "") === filter) return undefined;
    const timer = setTimeout(() => put({ q: filter || undefined }), 250);
    return () => clearTimeout(timer);
  });

  useEffect(() => {
    const seen = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    if (box.current) seen.observe(box.current);
    return () => seen.disconnect();
  }, []);

  const narrow = width < 520;
  const bulk = narrow ? undefined : given; // no room: one by one
  const extra = (bulk ? 44 : 0) + (actions ? (narrow ? 110 : 128) : 0);
  const shown = useMemo(() => fitting(columns, width - extra), [columns, width, extra]);
  const states = useMemo(() => (state ? tally(rows, state.field) : []), [rows, state]);
  const wanted = search.state;
  const visible = useMemo(() => {
    const needle = filter.trim().toLowerCase();
    let found = rows;
    if (wanted && state) found = found.filter((row) => String(at(row, state.field)) === wanted);
    if (needle) found = found.filter((row) => columns.some((column) => cell(row, column).toLowerCase().includes(needle)));
    if (search.sort) {
      const down = search.dir === "down" ? -1 : 1;
      const field = search.sort;
      found = [...found].sort((a, b) => down * compare(at(a, field), at(b, field)));
    }
    return found;
  }, [rows, filter, wanted, search.sort, search.dir, columns, state]);

  const virtual = useVirtualizer({ count: visible.length, getScrollElement: () => scroll.current, estimateSize: () => ROW, overscan: 6 });
  const grid = `${bulk ? "44px " : ""}${shown.map((column) => (column.field === state?.field ? "minmax(128px,1.2fr)" : (column.priority ?? 5) === 1 ? "minmax(100px,1.4fr)" : "minmax(84px,1fr)")).join(" ")}${actions ? (narrow ? " 110px" : " 128px") : ""}`;
  const chosen = bulk ? visible.filter((row) => selected.has(keyOf(row))) : [];

  const keys = (event: KeyboardEvent<HTMLDivElement>, index: number) => {
    if (event.target !== event.currentTarget) return;
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: visible.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      const bounded = Math.max(0, Math.min(visible.length - 1, to));
      setCurrent(bounded);
      virtual.scrollToIndex(bounded);
      requestAnimationFrame(() => scroll.current?.querySelector<HTMLElement>(`[data-index="${bounded}"]`)?.focus());
    } else if (event.key === "Enter" && open) open(visible[index]);
    else if (event.key === " " && bulk) {
      event.preventDefault();
      toggle(keyOf(visible[index]));
    }
  };
  const toggle = (key: string) => {
    const to = new Set(selected);
    if (!to.delete(key)) to.add(key);
    setSelected(to);
  };
  const sort = (field: string) =>
    put(search.sort !== field ? { sort: field, dir: undefined } : search.dir === "down" ? { sort: undefined, dir: undefined } : { dir: "down" });

  return (
    <div className="stack tight" ref={box}>
      <div className="filter">
        <input type="search" className="input" data-filter aria-label={`Filter ${label.toLowerCase()}`} placeholder="Filter" value={filter} onChange={(event) => setFilter(event.target.value)} />
        {states.length > 1 || wanted
          ? states.map(([name, count]) => (
              <button key={name} type="button" className="chip" aria-pressed={wanted === name} onClick={() => put({ state: wanted === name ? undefined : name })}>
                <span className={`dot ${toneOf(name, state?.tone)}`} aria-hidden="true" /> {name} <span className="muted">{count}</span>
              </button>
            ))
          : null}
        <span className="muted small" role="status">
          {visible.length === rows.length ? `${rows.length}` : `${visible.length} of ${rows.length}`}
        </span>
        <span className="grow" />
        {chosen.length ? bulk?.(chosen) : null}
        <button type="button" className="button small" onClick={() => save(`${label}.csv`, "text/csv", toCsv(visible, columns))}>
          CSV
        </button>
        <button type="button" className="button small" onClick={() => save(`${label}.json`, "application/json", JSON.stringify(visible, null, 2))}>
          JSON
        </button>
      </div>
      {rows.length === 0 ? (
        <div className="card">{empty ?? <div className="empty">Nothing here yet.</div>}</div>
      ) : (
        <div className={`table${narrow ? " narrow" : ""}`} role="table" aria-label={label} aria-rowcount={visible.length + 1}>
          <div className="t-scroll" ref={scroll} role="presentation">
            <div className="t-head" role="rowgroup">
              <div className="t-row" role="row" aria-rowindex={1} style={{ gridTemplateColumns: grid }}>
                {bulk ? (
                  <div className="t-cell" role="columnheader">
                    <input
                      type="checkbox"
                      aria-label="Select all"
                      checked={chosen.length > 0 && chosen.length === visible.length}
                      onChange={(event) => setSelected(event.target.checked ? new Set(visible.map(keyOf)) : new Set())}
                    />
                  </div>
                ) : null}
                {shown.map((column) => {
                  const active = search.sort === column.field;
                  return (
                    <div key={column.field} className="t-cell" role="columnheader" aria-sort={active ? (search.dir === "down" ? "descending" : "ascending") : "none"}>
                      <button type="button" onClick={() => sort(column.field)}>
                        {labelOf(column)}
                        {active ? (search.dir === "down" ? " ↓" : " ↑") : ""}
                      </button>
                    </div>
                  );
                })}
                {actions ? (
                  <div className="t-cell end" role="columnheader">
                    <span className="sr">Actions</span>
                  </div>
                ) : null}
              </div>
            </div>
            <div className="t-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
              {virtual.getVirtualItems().map((item) => {
                const row = visible[item.index];
                const key = keyOf(row);
                return (
                  <div
                    key={key}
                    data-index={item.index}
                    className="t-row"
                    role="row"
                    aria-rowindex={item.index + 2}
                    aria-selected={selected.has(key)}
                    tabIndex={item.index === Math.min(current, visible.length - 1) ? 0 : -1}
                    style={{ gridTemplateColumns: grid, transform: `translateY(${item.start}px)`, cursor: open ? "pointer" : "default" }}
                    onFocus={() => setCurrent(item.index)}
                    onKeyDown={(event) => keys(event, item.index)}
                    onClick={(event) => {
                      if (open && !(event.target as Element).closest("button, input, a, label")) open(row);
                    }}
                  >
                    {bulk ? (
                      <div className="t-cell" role="cell">
                        <input type="checkbox" aria-label={`Select ${key}`} checked={selected.has(key)} onChange={() => toggle(key)} />
                      </div>
                    ) : null}
                    {shown.map((column) => (
                      <div key={column.field} className={`t-cell${column.format === "code" ? " mono" : ""}`} role="cell" title={cell(row, column)}>
                        {state?.field === column.field ? <Badge tone={toneOf(at(row, column.field), state.tone)}>{cell(row, column)}</Badge> : column.format === "time" ? shortTime(at(row, column.field)) : cell(row, column)}
                      </div>
                    ))}
                    {actions ? (
                      <div className="t-cell end" role="cell">
                        {actions(row)}
                      </div>
                    ) : null}
                  </div>
                );
              })}
            </div>
            {visible.length === 0 ? (
              <div className="empty" role="row">
                <span role="cell">Nothing matches the filter.</span>
              </div>
            ) : null}
          </div>
        </div>
      )}
    </div>
  );
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

function clean(search: Search): Search {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== ""));
}

function tally(rows: unknown[], field: string): [string, number][] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const name = String(at(row, field));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Write rows as CSV; what a spreadsheet would take for a formula is defused. */
export function toCsv(rows: unknown[], columns: Column[]): string {
  const quote = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) && !/^-?\d+([.,]\d+)?$/.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;
  const head = columns.map((column) => quote(labelOf(column))).join(",");
  const body = rows.map((row) =>
    columns
      .map((column) => {
        const value = at(row, column.field);
        return quote(value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
      })
      .join(","),
  );
  return [head, ...body].join("\r\n");
}

export function save(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\w.-]+/g, "-").toLowerCase();
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
