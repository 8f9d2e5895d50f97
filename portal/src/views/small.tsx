// Views that read one operation: gauges and facts.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call, type Place } from "../api/operations";
import { at } from "../contract/pointer";
import type { Column, Description, FactsView, GaugeView, Operation } from "../contract/types";
import { cell, guessed, inUnit, labelOf, text, words } from "../ui/format";
import { ErrorCard, Skeleton, Stale } from "../ui/kit";
import { type Lead, useLead } from "./leads";

function useRead(place: Place, description: Description, name: string, input: Record<string, unknown> = {}, everyMs = 30_000) {
  const operation = description.operations[name] as Operation;
  return useQuery({
    queryKey: ["op", place.edge, place.plugin, name, input],
    queryFn: ({ signal }) => call(place, operation, input, { signal }),
    refetchInterval: everyMs,
    staleTime: 5000,
    enabled: operation.effect === "read",
  });
}

export function Gauge({ view, place, description }: { view: GaugeView; place: Place; description: Description }): ReactNode {
  const found = useRead(place, description, view.operation, view.input, 10_000);
  const each = view.each === undefined ? undefined : at(found.data, view.each);
  const rows: unknown[] = Array.isArray(each) ? each : each !== null && typeof each === "object" ? Object.values(each) : view.each === undefined && found.data ? [found.data] : [];
  const lead = useLead(place, view.leads);
  if (view.each !== undefined && found.data && rows.length === 0) return null;
  return (
    <section className="card" aria-label={view.title ?? view.id}>
      <h2>{view.title ?? view.id}</h2>
      {found.isPending ? <Skeleton /> : null}
      {found.error && !found.data ? <ErrorCard error={found.error} again={() => void found.refetch()} /> : null}
      {found.data ? (
        <Stale since={found.dataUpdatedAt}>
          <div className="gauges">
            {rows.slice(0, 200).map((row, index) => (
              <Bar key={index} row={row} view={view} lead={lead} />
            ))}
          </div>
        </Stale>
      ) : null}
    </section>
  );
}

function Bar({ row, view, lead }: { row: unknown; view: GaugeView; lead: Lead | undefined }): ReactNode {
  const used = at(row, view.used);
  const of = at(row, view.of);
  const label = view.label ? text(at(row, view.label)) : (view.title ?? view.id);
  const known = typeof used === "number" && typeof of === "number" && of > 0;
  const share = known ? Math.max(0, Math.min(1, used / of)) : 0;
  return (
    <div>
      <div className="gauge-head">
        <span className="cut" title={label}>
          {lead ? (
            <button type="button" className="link" title={`${lead.title}: ${label}`} onClick={() => lead.follow(row)}>
              {label}
            </button>
          ) : (
            label
          )}
        </span>
        <span>{known ? `${inUnit(used, view.unit)} of ${inUnit(of, view.unit)} · ${Math.round(share * 100)} %` : "unknown"}</span>
      </div>
      <div className="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
        <span className={share > 0.95 ? "bad" : share > 0.85 ? "warn" : ""} style={{ width: `${share * 100}%` }} />
      </div>
      {view.details?.length ? (
        <p className="small muted gauge-details">
          {view.details.map((column) => (
            <span key={column.field}>
              {labelOf(column)} <strong>{cell(row, column)}</strong>
            </span>
          ))}
        </p>
      ) : null}
    </div>
  );
}

export function Facts({ view, place, description }: { view: FactsView; place: Place; description: Description }): ReactNode {
  const found = useRead(place, description, view.operation);
  return (
    <section className="card" aria-label={view.title ?? view.id}>
      <h2>{view.title ?? view.id}</h2>
      {found.isPending ? <Skeleton /> : null}
      {found.error && !found.data ? <ErrorCard error={found.error} again={() => void found.refetch()} /> : null}
      {found.data ? (
        <Stale since={found.dataUpdatedAt}>
          <FactList data={view.at === undefined ? found.data : at(found.data, view.at)} {...(view.fields ? { fields: view.fields } : {})} />
        </Stale>
      ) : null}
    </section>
  );
}

/** Names and values of an object; nested objects as groups of their own, lists by their length or their entries. */
export function FactList({ data, fields, depth = 0 }: { data: unknown; fields?: Column[]; depth?: number }): ReactNode {
  if (data === null || typeof data !== "object") return <p>{text(data)}</p>;
  if (fields) {
    return (
      <dl className="facts">
        {fields.map((column) => (
          <Fact key={column.field} name={labelOf(column)} code={column.format === "code"}>
            {cell(data, column)}
          </Fact>
        ))}
      </dl>
    );
  }
  const entries = Object.entries(data).slice(0, 200);
  const plain = entries.filter(([, value]) => value === null || typeof value !== "object" || isPlainList(value));
  const nested = depth < 2 ? entries.filter(([, value]) => value !== null && typeof value === "object" && !isPlainList(value)) : [];
  return (
    <div className="stack">
      {plain.length ? (
        <dl className="facts">
          {plain.map(([name, value]) => (
            <Fact key={name} name={words(name)}>
              {text(value, guessed(name, value))}
            </Fact>
          ))}
        </dl>
      ) : null}
      {nested.map(([name, value]) => {
        const list = Array.isArray(value) ? (value as unknown[]) : undefined;
        if (list?.length === 0 || (!list && Object.keys(value as object).length === 0)) return null;
        return (
          <details key={name} open={list ? undefined : true}>
            <summary>
              {words(name)}
              {list ? ` (${list.length})` : ""}
            </summary>
            <div className="stack tight">
              {list ? list.slice(0, 50).map((each, index) => <FactList key={index} data={each} depth={depth + 1} />) : <FactList data={value} depth={depth + 1} />}
            </div>
          </details>
        );
      })}
    </div>
  );
}

function isPlainList(value: unknown): boolean {
  return Array.isArray(value) && value.length <= 20 && value.every((each) => each === null || typeof each !== "object");
}

function Fact({ name, code, children }: { name: string; code?: boolean; children: ReactNode }): ReactNode {
  return (
    <>
      <dt>{name}</dt>
      <dd className={code ? "mono" : undefined}>{children}</dd>
    </>
  );
}
