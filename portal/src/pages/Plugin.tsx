import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, Suspense, lazy, useEffect, useRef, useState } from "react";
import { useDescription } from "../api/descriptions";
import { useTopology } from "../api/events";
import type { Place } from "../api/operations";
import type { Description, View } from "../contract/types";
import { Badge, Boundary, ErrorCard, Page, Skeleton } from "../ui/kit";
import { useEdges } from "../ui/edges";
import FormView from "../views/FormView";
import { Facts, Gauge } from "../views/small";
import { NotThere } from "./NotFound";

const TableView = lazy(() => import("../views/TableView"));
const PlotView = lazy(() => import("../views/PlotView"));
const LogView = lazy(() => import("../views/LogView"));

const DASH = new Set(["plot", "gauge", "facts"]);

interface Tab {
  id: string;
  title: string;
  views: View[];
}

/** Tables, forms and logs have a tab each; what is looked at side by side shares one. */
export function tabsOf(description: Description): Tab[] {
  const tabs: Tab[] = [];
  let dash: Tab | undefined;
  for (const view of description.views) {
    if (view.kind === "detail") continue;
    if (DASH.has(view.kind)) {
      if (!dash) {
        dash = { id: view.id, title: "Overview", views: [] };
        tabs.push(dash);
      }
      dash.views.push(view);
    } else tabs.push({ id: view.id, title: view.title ?? view.id, views: [view] });
  }
  return tabs;
}

export default function Plugin(): ReactNode {
  const { edge = "", plugin = "", view } = useParams({ strict: false }) as { edge?: string; plugin?: string; view?: string };
  const topology = useTopology();
  const edges = useEdges();
  const place: Place = { edge, plugin };
  const known = topology?.edges[edge];
  const announced = known?.plugins[plugin];
  const found = useDescription(place, announced);
  if (!topology) return <Page title={plugin}><Skeleton /></Page>;
  if (!announced) {
    const row = edges.data?.edges.find((each) => each.name === edge);
    if (edges.isPending) return <Page title={plugin}><Skeleton /></Page>;
    if (!row) return <NotThere what="edge" name={edge} />;
    if (row.connected) return <NotThere what="plugin" name={plugin} back={`/ui/e/${encodeURIComponent(edge)}`} />;
    return (
      <Page title={plugin} crumbs={<Crumbs edge={edge} />}>
        <div className="card empty">
          <h2>{edge} is away</h2>
          <p>{row.reason ?? ""} The page comes back by itself when the edge does.</p>
        </div>
      </Page>
    );
  }
  const title = announced.title || plugin;
  const head = {
    title,
    crumbs: <Crumbs edge={edge} />,
    lead: (
      <span className="small">
        <code>{plugin}</code> {announced.version} · from {announced.distribution || "an unknown distribution"}
        {found.data?.description.plugin.summary ? ` · ${found.data.description.plugin.summary}` : ""}
      </span>
    ),
  };
  if (announced.status !== "loaded") {
    return (
      <Page {...head}>
        <div className="card stack">
          <p>
            <Badge tone={announced.status === "starting" ? "warn" : "bad"}>{announced.status}</Badge>
          </p>
          <p>{announced.reason || "The edge gives no reason."}</p>
        </div>
      </Page>
    );
  }
  if (found.isPending) return <Page {...head}><Skeleton lines={6} /></Page>;
  if (found.error) return <Page {...head}><ErrorCard error={found.error} title="The plugin’s description can’t be read" again={() => void found.refetch()} /></Page>;
  const { description, problem, viewProblems } = found.data;
  return <Views key={`${edge}/${plugin}`} {...{ place, description, problem, viewProblems, head, view }} />;
}

function Crumbs({ edge }: { edge: string }): ReactNode {
  return (
    <>
      <Link to="/">Edges</Link>
      <span aria-hidden="true">›</span>
      <Link to={`/ui/e/${encodeURIComponent(edge)}`}>{edge}</Link>
    </>
  );
}

interface ViewsProps {
  place: Place;
  description: Description;
  problem: string | undefined;
  viewProblems: Map<View, string>;
  head: { title: string; crumbs: ReactNode; lead: ReactNode };
  view: string | undefined;
}

function Views({ place, description, problem, viewProblems, head, view }: ViewsProps): ReactNode {
  const tabs = tabsOf(description);
  const base = `/ui/e/${encodeURIComponent(place.edge)}/${encodeURIComponent(place.plugin)}`;
  const operations = Object.entries(description.operations).filter(([, operation]) => !operation.hidden);
  const raw = view === "-" || tabs.length === 0;
  const current = raw ? undefined : view === undefined ? tabs[0] : tabs.find((tab) => tab.id === view || tab.views.some((each) => each.id === view));
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    // Where there is no room for all tabs, the chosen one is in sight.
    bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current?.id, raw]);
  if (!raw && !current) return <NotThere what="view" name={view ?? ""} back={base} />;
  const form = tabs.find((tab) => tab.views[0]?.kind === "form" && current?.views[0]?.kind === "table");
  return (
    <Page
      {...head}
      side={
        form ? (
          <Link data-new className="button primary" to={`${base}/${form.id}`}>
            {form.title}
          </Link>
        ) : undefined
      }
    >
      {problem ? (
        <p className="notice" role="alert">
          The plugin’s description does not fit the contract ({problem}); its operations are shown as they are.
        </p>
      ) : null}
      <nav className="tabs" aria-label="Views" ref={bar}>
        {tabs.map((tab) => (
          <Link key={tab.id} to={tab === tabs[0] ? base : `${base}/${tab.id}`} aria-current={tab === current ? "page" : undefined} activeProps={{}} activeOptions={{ exact: true }}>
            {tab.title}
          </Link>
        ))}
        {operations.length ? (
          <Link to={`${base}/-`} aria-current={raw ? "page" : undefined} activeProps={{}}>
            Operations
          </Link>
        ) : null}
      </nav>
      {raw ? (
        <Operations place={place} description={description} names={operations.map(([name]) => name)} />
      ) : current ? (
        <div className={current.views.length > 1 || DASH.has(current.views[0]?.kind ?? "") ? "dash" : "stack"} key={current.id}>
          {current.views.map((each, index) => (
            <Boundary key={`${each.id} ${index}`} title={`“${each.title ?? each.id}” can’t be shown`}>
              <Suspense fallback={<Skeleton lines={6} />}>
                <One view={each} place={place} description={description} problem={viewProblems.get(each)} />
              </Suspense>
            </Boundary>
          ))}
        </div>
      ) : null}
    </Page>
  );
}

function One({ view, place, description, problem }: { view: View; place: Place; description: Description; problem: string | undefined }): ReactNode {
  if (problem !== undefined) {
    return (
      <section className="card stack tight" aria-label={String(view.title ?? view.id)}>
        <h2>{String(view.title ?? view.id)}</h2>
        <p className="muted">This view can’t be shown: {problem}.</p>
      </section>
    );
  }
  const own = { place, description };
  switch (view.kind) {
    case "table":
      return <TableView view={view} {...own} />;
    case "form":
      return <FormView name={view.operation} {...own} />;
    case "plot":
      return <PlotView view={view} {...own} />;
    case "gauge":
      return <Gauge view={view} {...own} />;
    case "facts":
      return <Facts view={view} {...own} />;
    case "log":
      return <LogView view={view} {...own} />;
    default:
      return null;
  }
}

/** Every operation of a plugin, with a form made from its schema. */
function Operations({ place, description, names }: { place: Place; description: Description; names: string[] }): ReactNode {
  const { op } = useSearch({ strict: false }) as { op?: string };
  const navigate = useNavigate();
  const [first] = useState(names[0]);
  const name = op !== undefined && names.includes(op) ? op : first;
  if (name === undefined) return <div className="card empty">This plugin offers no operations.</div>;
  return (
    <div className="stack">
      <div className="filter">
        <label htmlFor="operation">Operation</label>
        <select id="operation" className="input" value={name} onChange={(event) => void navigate({ to: ".", search: { op: event.target.value } } as never)}>
          {names.map((each) => (
            <option key={each} value={each}>
              {description.operations[each]?.title} ({each})
            </option>
          ))}
        </select>
        <Badge tone={description.operations[name]?.effect === "read" ? "idle" : description.operations[name]?.effect === "destructive" ? "bad" : "warn"}>
          {description.operations[name]?.effect}
        </Badge>
      </div>
      <Boundary key={name} title="This operation can’t be shown">
        <FormView name={name} place={place} description={description} />
      </Boundary>
    </div>
  );
}
