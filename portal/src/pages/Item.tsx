import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type ReactNode, Suspense, lazy, useCallback, useState } from "react";
import { Problem } from "../api/client";
import { useDescription } from "../api/descriptions";
import { useTopic, useTopology } from "../api/events";
import { call, open, type Place } from "../api/operations";
import { at, leaf } from "../contract/pointer";
import type { Description, DetailView, Operation, Record_, Resource } from "../contract/types";
import { duration, text, time, toneOf } from "../ui/format";
import { Badge, Boundary, CopyButton, ErrorCard, Page, Skeleton, Stale } from "../ui/kit";
import { NotifyButton } from "../ui/Notify";
import { useActions } from "../views/actions";
import { keepDraft } from "../views/form/drafts";
import { inputFor } from "../views/resource";
import { FactList } from "../views/small";
import { NotThere } from "./NotFound";

const Log = lazy(() => import("../ui/log/Log"));

export default function Item(): ReactNode {
  const { edge = "", plugin = "", resource = "", key = "" } = useParams({ strict: false }) as Record<string, string>;
  const place = { edge, plugin };
  const topology = useTopology();
  const announced = topology?.edges[edge]?.plugins[plugin];
  const found = useDescription(place, announced);
  if (!topology || (announced && found.isPending)) return <Page title={key}><Skeleton lines={6} /></Page>;
  if (!announced) return <NotThere what="plugin" name={`${edge}/${plugin}`} />;
  if (found.error) return <Page title={key}><ErrorCard error={found.error} again={() => void found.refetch()} /></Page>;
  const description = found.data?.description;
  const known = description?.resources && Object.hasOwn(description.resources, resource) ? description.resources[resource] : undefined;
  if (!description || !known?.get || !Object.hasOwn(description.operations, known.get)) return <NotThere what="kind of item" name={resource} />;
  return <One key={`${edge}/${plugin}/${resource}/${key}`} {...{ place, description, name: resource, resource: known, id: key }} />;
}

interface Props {
  place: Place;
  description: Description;
  name: string;
  resource: Resource;
  id: string;
}

function One({ place, description, name, resource, id }: Props): ReactNode {
  const operation = description.operations[resource.get ?? ""] as Operation;
  const client = useQueryClient();
  const navigate = useNavigate();
  const [tab, setTab] = useState(0);
  const [raw, setRaw] = useState(false);
  const queryKey = ["op", place.edge, place.plugin, resource.get, { id }];
  const seed = { [leaf(resource.key)]: id };
  const found = useQuery({
    queryKey,
    queryFn: ({ signal }) => call(place, operation, inputFor(operation, seed), { signal }),
    staleTime: 10_000,
  });
  const heard = useCallback(
    (data: unknown) => {
      if (String(at(data, resource.key)) !== id) return;
      const key = ["op", place.edge, place.plugin, resource.get, { id }];
      const before = client.getQueryData<Record_>(key);
      if (before) {
        const told = Object.fromEntries(Object.entries(data as Record_).filter(([field]) => Object.hasOwn(before, field) && !isLog(resource, field)));
        client.setQueryData(key, { ...before, ...told });
      }
      void client.invalidateQueries({ queryKey: key });
    },
    [client, place.edge, place.plugin, resource, id],
  );
  useTopic(place.edge, place.plugin, resource.live?.topic, heard);
  const actions = useActions({ place, description, resource });
  const base = `/ui/e/${encodeURIComponent(place.edge)}/${encodeURIComponent(place.plugin)}`;
  const crumbs = (
    <>
      <Link to="/">Edges</Link>
      <span aria-hidden="true">›</span>
      <Link to={`/ui/e/${encodeURIComponent(place.edge)}`}>{place.edge}</Link>
      <span aria-hidden="true">›</span>
      <Link to={base}>{description.plugin.title}</Link>
    </>
  );
  if (found.isPending) return <Page title={`${resource.title} ${id}`} crumbs={crumbs}><Skeleton lines={6} /></Page>;
  if (found.error && !found.data) {
    if (found.error instanceof Problem && found.error.status === 404) return <NotThere what={resource.title.toLowerCase()} name={id} back={base} />;
    return <Page title={`${resource.title} ${id}`} crumbs={crumbs}><ErrorCard error={found.error} again={() => void found.refetch()} /></Page>;
  }
  const item = found.data;
  const state = resource.state ? at(item, resource.state.field) : undefined;
  const over = state !== undefined && (resource.state?.final ?? []).includes(String(state));
  const reason = resource.reason ? at(item, resource.reason) : at(item, "/message");
  const detail = description.views.find((view): view is DetailView => view.kind === "detail" && view.resource === name);
  const logs = (resource.logs ?? []).filter((log) => Object.hasOwn(description.operations, log.operation));
  const form = description.views.find((view) => view.kind === "form" && description.operations[view.operation]?.then?.open === name);
  const again = form?.kind === "form" ? draftFrom(description, description.operations[form.operation] as Operation, item) : undefined;
  return (
    <Page
      title={`${resource.title} ${id}`}
      crumbs={crumbs}
      lead={
        <span className="row">
          {state !== undefined ? <Badge tone={toneOf(state, resource.state?.tone)}>{String(state)}</Badge> : null}
          {resource.label ? <code>{text(at(item, resource.label))}</code> : null}
          <CopyButton text={id} label="Copy id" />
        </span>
      }
      side={
        <>
          {over ? null : <NotifyButton {...{ place, description, resource, id }} input={inputFor(operation, seed)} />}
          {form?.kind === "form" && again ? (
            <button
              type="button"
              className="button"
              onClick={() => {
                keepDraft(place.plugin, form.operation, again);
                void navigate({ to: `${base}/${form.id}` });
              }}
            >
              Use as template
            </button>
          ) : null}
          {actions.buttons(item, false)}
        </>
      }
    >
      {actions.dialog}
      {over && toneOf(state, resource.state?.tone) === "bad" && reason ? (
        <p className="notice bad" role="alert">
          {String(reason)}
        </p>
      ) : null}
      <Stale since={found.dataUpdatedAt}>
        <div className="stack">
          {resource.timeline?.length ? <Timeline steps={resource.timeline} item={item} over={over} /> : null}
          {logs.length ? (
            <section className="stack tight" aria-label="Output">
              <div className="tabs" role="tablist" aria-label="Output">
                {logs.map((log, index) => (
                  <button key={log.title} type="button" role="tab" id={`log-tab-${index}`} aria-controls="log-panel" aria-selected={tab === index} tabIndex={tab === index ? 0 : -1}
                    onClick={() => setTab(index)}
                    onKeyDown={(event) => {
                      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
                      if (step) {
                        const to = (index + step + logs.length) % logs.length;
                        setTab(to);
                        document.getElementById(`log-tab-${to}`)?.focus();
                      }
                    }}
                  >
                    {log.title}
                  </button>
                ))}
              </div>
              <div id="log-panel" role="tabpanel" aria-labelledby={`log-tab-${tab}`}>
                <Boundary title="The output can’t be shown">
                  <Suspense fallback={<Skeleton />}>
                    {logs.map((log, index) =>
                      index === tab ? (
                        <Log
                          key={log.title}
                          label={log.title}
                          resumes={log.offset !== undefined}
                          open={(offset, signal) => {
                            const source = description.operations[log.operation] as Operation;
                            const input = inputFor(source, item, log.args, log.input);
                            if (log.offset !== undefined) input[log.offset] = offset;
                            return open(place, source, input, signal);
                          }}
                        />
                      ) : null,
                    )}
                  </Suspense>
                </Boundary>
              </div>
            </section>
          ) : null}
          <section className="card" aria-label="Details">
            <div className="card-head">
              <h2>Details</h2>
              <button type="button" className="chip" aria-pressed={raw} onClick={() => setRaw(!raw)}>
                JSON
              </button>
            </div>
            {raw ? <pre>{JSON.stringify(item, null, 2)}</pre> : <FactList data={item} {...(detail?.fields ? { fields: detail.fields } : {})} />}
          </section>
        </div>
      </Stale>
    </Page>
  );
}

function isLog(resource: Resource, field: string): boolean {
  return (resource.logs ?? []).some((log) => log.title === field);
}

/** Fill a form's input from an item: every field of the same name, also one level down. */
function draftFrom(description: Description, operation: Operation, item: unknown): Record_ | undefined {
  const source = item as Record_;
  const fill = (schema: Record_ | undefined, depth: number): Record_ => {
    const ref = typeof schema?.$ref === "string" ? description.$defs[schema.$ref.replace("#/$defs/", "")] : schema;
    const properties = (ref?.properties ?? {}) as Record<string, Record_>;
    const out: Record_ = {};
    for (const [name, each] of Object.entries(properties)) {
      const value = Object.hasOwn(source, name) ? source[name] : undefined;
      if (value !== undefined && value !== null) out[name] = value;
      else if (depth < 2 && (each.$ref !== undefined || each.properties !== undefined)) {
        const inner = fill(each, depth + 1);
        if (Object.keys(inner).length) out[name] = inner;
      }
    }
    return out;
  };
  const made = fill(operation.input, 0);
  return Object.keys(made).length ? made : undefined;
}

function Timeline({ steps, item, over }: { steps: { label: string; field: string }[]; item: unknown; over: boolean }): ReactNode {
  const times = steps.map((step) => {
    const value = at(item, step.field);
    return typeof value === "number" ? value : undefined;
  });
  return (
    <section className="card" aria-label="Timeline">
      <ol className="timeline">
        {steps.map((step, index) => {
          const value = times[index];
          const following = times.slice(index + 1).find((each) => each !== undefined);
          const took = value === undefined ? undefined : following !== undefined ? following - value : over ? undefined : Date.now() / 1000 - value;
          return (
            <li key={step.label} className={value === undefined ? "open" : ""}>
              <strong>{step.label}</strong>
              <div className="small muted">{value === undefined ? (over ? "never" : "not yet") : time(value)}</div>
              {took !== undefined && took >= 0 && index < steps.length - 1 ? <div className="small muted">{duration(took)}</div> : null}
            </li>
          );
        })}
      </ol>
    </section>
  );
}
