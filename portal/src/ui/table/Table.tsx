// A table of any length: only what can be seen is in the document.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { at } from "../../contract/pointer";
import type { Column, StateHint } from "../../contract/types";
import { cell, labelOf, shortTime, toneOf } from "../format";
import { Badge } from "../kit";
import { useAsked } from "./address";
import Bar from "./Bar";
import { chosen, fitting, NARROW, picked } from "./pick";
import { usePlace } from "./place";

const ROW = 42;
const NONE: string[] = [];

interface Props {
  label: string;
  rows: unknown[];
  columns: Column[];
  keyOf: (row: unknown) => string;
  state?: StateHint;
  /** Fields of which one value can be chosen. */
  facets?: string[];
  open?: (row: unknown) => void;
  actions?: (row: unknown) => ReactNode;
  bulk?: (rows: unknown[]) => ReactNode;
  empty?: ReactNode;
}

export default function Table({ label, rows, columns, keyOf, state, facets = NONE, open, actions, bulk: given, empty }: Props): ReactNode {
  const [asked, ask] = useAsked();
  const [filter, setFilter] = useState(asked.q ?? "");
  const [width, setWidth] = useState(1000);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [current, setCurrent] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const scroll = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if ((asked.q ?? "") === filter) return undefined;
    const timer = setTimeout(() => ask({ q: filter || undefined, row: undefined }), 250);
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
  const shown = useMemo(() => chosen(columns, asked.columns) ?? fitting(columns, width - extra), [columns, asked.columns, width, extra]);
  const stateField = state?.field;
  const visible = useMemo(
    () => picked(rows, columns, stateField === undefined ? facets : [...facets, stateField], asked, filter),
    [rows, filter, asked, columns, facets, stateField],
  );

  const virtual = useVirtualizer({ count: visible.length, getScrollElement: () => scroll.current, estimateSize: () => ROW, overscan: 6 });
  const scrolled = usePlace(virtual, ROW, asked, ask, visible.length);
  const room = asked.columns ? { minWidth: shown.length * NARROW + extra } : {};
  const grid = `${bulk ? "44px " : ""}${shown.map((column) => (column.field === state?.field ? "minmax(128px,1.2fr)" : (column.priority ?? 5) === 1 ? "minmax(100px,1.4fr)" : "minmax(84px,1fr)")).join(" ")}${actions ? (narrow ? " 110px" : " 128px") : ""}`;
  const ticked = bulk ? visible.filter((row) => selected.has(keyOf(row))) : [];

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
    ask({ row: undefined, ...(asked.sort !== field ? { sort: field, dir: undefined } : asked.dir === "down" ? { sort: undefined, dir: undefined } : { dir: "down" }) });

  return (
    <div className="stack tight" ref={box}>
      <Bar label={label} rows={rows} visible={visible} columns={columns} shown={shown} state={state} facets={facets} asked={asked} ask={ask} filter={filter} setFilter={setFilter}>
        {ticked.length ? bulk?.(ticked) : null}
      </Bar>
      {rows.length === 0 ? (
        <div className="card">{empty ?? <div className="empty">Nothing here yet.</div>}</div>
      ) : (
        <div className={`table${narrow ? " narrow" : ""}`} role="table" aria-label={label} aria-rowcount={visible.length + 1}>
          <div className="t-scroll" ref={scroll} role="presentation" onScroll={scrolled}>
            <div className="t-head" role="rowgroup" style={room}>
              <div className="t-row" role="row" aria-rowindex={1} style={{ gridTemplateColumns: grid }}>
                {bulk ? (
                  <div className="t-cell" role="columnheader">
                    <input
                      type="checkbox"
                      aria-label="Select all"
                      checked={ticked.length > 0 && ticked.length === visible.length}
                      onChange={(event) => setSelected(event.target.checked ? new Set(visible.map(keyOf)) : new Set())}
                    />
                  </div>
                ) : null}
                {shown.map((column) => {
                  const active = asked.sort === column.field;
                  return (
                    <div key={column.field} className="t-cell" role="columnheader" aria-sort={active ? (asked.dir === "down" ? "descending" : "ascending") : "none"}>
                      <button type="button" onClick={() => sort(column.field)}>
                        {labelOf(column)}
                        {active ? (asked.dir === "down" ? " ↓" : " ↑") : ""}
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
            <div className="t-body" role="rowgroup" style={{ height: virtual.getTotalSize(), ...room }}>
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
