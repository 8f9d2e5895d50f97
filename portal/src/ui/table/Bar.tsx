// What stands above a table: the filter, the states, choices of one value, the columns, and the way out as a file.

import { type ReactNode, useMemo, useState } from "react";
import type { Column, StateHint } from "../../contract/types";
import { labelOf, toneOf, words } from "../format";
import ColumnChoice from "./ColumnChoice";
import { save, toCsv } from "./export";
import { type Asked, facetName, tally } from "./pick";

interface Props {
  label: string;
  rows: unknown[];
  visible: unknown[];
  columns: Column[];
  shown: Column[];
  state: StateHint | undefined;
  facets: string[];
  asked: Asked;
  ask: (change: Asked) => void;
  filter: string;
  setFilter: (words: string) => void;
  children: ReactNode;
}

export default function Bar({ label, rows, visible, columns, shown, state, facets, asked, ask, filter, setFilter, children }: Props): ReactNode {
  const [choosing, setChoosing] = useState(false);
  const stateField = state?.field;
  const counts = useMemo(
    () => new Map((stateField === undefined ? facets : [...facets, stateField]).map((field) => [field, tally(rows, field)])),
    [rows, facets, stateField],
  );
  const counted = (field: string) => {
    const found = counts.get(field) ?? [];
    return found.length > 1 || asked[facetName(field)] ? found : [];
  };
  return (
    <div className="filter">
      <input type="search" className="input" data-filter aria-label={`Filter ${label.toLowerCase()}`} placeholder="Filter" value={filter} onChange={(event) => setFilter(event.target.value)} />
      {facets.map((field) => {
        const name = facetName(field);
        const values = counted(field);
        const of = labelOf(columns.find((column) => column.field === field) ?? { field });
        return values.length ? (
          <select key={field} className="input" aria-label={of} value={asked[name] ?? ""} onChange={(event) => ask({ [name]: event.target.value, row: undefined })}>
            <option value="">{words(of)}: all</option>
            {asked[name] && !values.some(([value]) => value === asked[name]) ? <option>{asked[name]}</option> : null}
            {values.map(([value, count]) => (
              <option key={value} value={value}>
                {value} ({count})
              </option>
            ))}
          </select>
        ) : null;
      })}
      {state
        ? counted(state.field).map(([value, count]) => {
            const name = facetName(state.field);
            const pressed = asked[name] === value;
            return (
              <button key={value} type="button" className="chip" aria-pressed={pressed} onClick={() => ask({ [name]: pressed ? undefined : value, row: undefined })}>
                <span className={`dot ${toneOf(value, state.tone)}`} aria-hidden="true" /> {value} <span className="muted">{count}</span>
              </button>
            );
          })
        : null}
      <span className="muted small" role="status">
        {visible.length === rows.length ? `${rows.length}` : `${visible.length} of ${rows.length}`}
      </span>
      <span className="grow" />
      {children}
      <div className="row line">
        {columns.length > 1 ? (
          <button type="button" className="button small" aria-haspopup="dialog" onClick={() => setChoosing(true)}>
            Columns{asked.columns ? ` (${shown.length} of ${columns.length})` : ""}
          </button>
        ) : null}
        <button type="button" className="button small" onClick={() => save(`${label}.csv`, "text/csv", toCsv(visible, columns))}>
          CSV
        </button>
        <button type="button" className="button small" onClick={() => save(`${label}.json`, "application/json", JSON.stringify(visible, null, 2))}>
          JSON
        </button>
      </div>
      {choosing ? <ColumnChoice label={label} columns={columns} shown={shown} choose={(fields) => ask({ columns: fields?.join(",") })} close={() => setChoosing(false)} /> : null}
    </div>
  );
}
