import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { post } from "../api/client";
import { descriptionQuery } from "../api/descriptions";
import { useLive, useTopic, useTopology } from "../api/events";
import type { Announced } from "../api/hub";
import { may, useSession } from "../api/session";
import { at } from "../contract/pointer";
import type { Description, PlotView } from "../contract/types";
import { inUnit } from "../ui/format";
import { Ago, Badge, Command, ErrorCard, Icon, Page, Skeleton, Stale, toast, toastError, useConfirm, useKept } from "../ui/kit";
import { type EdgeRow, useEdges } from "../ui/edges";

export default function Edges(): ReactNode {
  const edges = useEdges();
  const [filter, setFilter] = useState("");
  const [cards, setCards] = useKept("edges.cards", true);
  const [pins, setPins] = useKept<string[]>("edges.pins", []);
  const [wanted, setWanted] = useState<string[]>([]);
  const offered = useMemo(() => [...new Set((edges.data?.edges ?? []).flatMap((edge) => edge.plugins))].sort(), [edges.data]);
  const rows = useMemo(() => {
    const needle = filter.trim().toLowerCase();
    return (edges.data?.edges ?? [])
      .filter((edge) => wanted.every((plugin) => edge.plugins.includes(plugin)))
      .filter((edge) => `${edge.name} ${edge.host ?? ""} ${edge.plugins.join(" ")}`.toLowerCase().includes(needle))
      .sort((a, b) => Number(pins.includes(b.name)) - Number(pins.includes(a.name)));
  }, [edges.data, filter, wanted, pins]);
  const pin = (name: string) => setPins(toggled(pins, name));
  const total = edges.data?.total ?? 0;
  return (
    <Page
      title="Edges"
      side={
        total ? (
          <>
            <input type="search" data-filter className="input" aria-label="Filter edges" placeholder="Filter" value={filter} onChange={(event) => setFilter(event.target.value)} />
            <button type="button" className="chip" aria-pressed={cards} onClick={() => setCards(true)}>
              Cards
            </button>
            <button type="button" className="chip" aria-pressed={!cards} onClick={() => setCards(false)}>
              Table
            </button>
          </>
        ) : undefined
      }
    >
      {edges.isPending ? <Skeleton /> : null}
      {edges.error && !edges.data ? <ErrorCard error={edges.error} again={() => void edges.refetch()} /> : null}
      {edges.data ? (
        <Stale since={edges.dataUpdatedAt}>
          {edges.data.edges.every((edge) => edge.name === "bridge") ? <HowToStart /> : null}
          {total > 1 && offered.length > 1 ? (
            <div className="row" role="group" aria-label="Edges that offer">
              {offered.map((plugin) => (
                <button
                  key={plugin}
                  type="button"
                  className="chip"
                  aria-pressed={wanted.includes(plugin)}
                  onClick={() => setWanted(toggled(wanted, plugin))}
                >
                  {plugin}
                </button>
              ))}
            </div>
          ) : null}
          {total > 0 && rows.length === 0 ? <div className="card empty">No edge matches {[filter && `“${filter}”`, ...wanted].filter(Boolean).join(" and ")}.</div> : null}
          {cards ? (
            <ul className="cards">
              {rows.map((edge) => (
                <li key={edge.name}>
                  <EdgeCard edge={edge} pinned={pins.includes(edge.name)} pin={() => pin(edge.name)} />
                </li>
              ))}
            </ul>
          ) : rows.length ? (
            <div className="table scroll-x">
              <table className="simple">
                <thead>
                  <tr>
                    <th scope="col">Edge</th>
                    <th scope="col">State</th>
                    <th scope="col">Host</th>
                    <th scope="col">Since</th>
                    <th scope="col">Plugins</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((edge) => (
                    <tr key={edge.name}>
                      <td>
                        <Link to={`/ui/e/${encodeURIComponent(edge.name)}`}>{edge.name}</Link>
                      </td>
                      <td>
                        <EdgeState edge={edge} />
                      </td>
                      <td>{edge.host ?? "–"}</td>
                      <td>
                        <Ago ms={edge.since * 1000} />
                      </td>
                      <td>{edge.plugins.join(", ") || "–"}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : null}
        </Stale>
      ) : null}
    </Page>
  );
}

function toggled(names: string[], name: string): string[] {
  return names.includes(name) ? names.filter((each) => each !== name) : [...names, name];
}

export function EdgeState({ edge, leaving = false }: { edge: EdgeRow; leaving?: boolean }): ReactNode {
  const live = useLive();
  if (!live) return <Badge tone="idle">unknown</Badge>;
  if (leaving && edge.connected) return <Badge tone="warn">disconnecting</Badge>;
  if (!edge.connected) return <Badge tone="bad">away</Badge>;
  return edge.suspect ? <Badge tone="warn">not answering</Badge> : <Badge tone="ok">connected</Badge>;
}

export function useDisconnect(edge: EdgeRow | undefined): { dialog: ReactNode; leaving: boolean; disconnect: () => Promise<void> } {
  const [dialog, ask] = useConfirm();
  const [leaving, setLeaving] = useState(false);
  const disconnect = async () => {
    if (!edge) return;
    const sure = await ask({
      title: `Disconnect ${edge.name}?`,
      confirm: "Disconnect",
      retype: edge.name,
      text: <p>The edge’s process on {edge.host ?? "its host"} ends. Jobs that run there go on; somebody has to start the edge again on that host.</p>,
    });
    if (!sure) return;
    setLeaving(true);
    try {
      await post(`/edge/disconnect/${encodeURIComponent(edge.name)}`);
      toast("ok", `${edge.name} is disconnecting`);
    } catch (error) {
      setLeaving(false);
      toastError(error, `Disconnect ${edge.name}`);
    }
  };
  return { dialog, leaving, disconnect };
}

function EdgeCard({ edge, pinned, pin }: { edge: EdgeRow; pinned: boolean; pin: () => void }): ReactNode {
  const topology = useTopology();
  const live = useLive();
  const session = useSession();
  const { dialog, leaving, disconnect } = useDisconnect(edge);
  const plugins = topology?.edges[edge.name]?.plugins ?? {};
  const away = !edge.connected;
  return (
    <article className={`card stack tight${away ? " away" : ""}`} aria-label={edge.name} data-edge={edge.name}>
      {dialog}
      <div className="row between">
        <h2 className="cut grow">
          <Link to={`/ui/e/${encodeURIComponent(edge.name)}`}>{edge.name}</Link>
        </h2>
        <EdgeState edge={edge} leaving={leaving} />
        <button type="button" className="iconbutton" aria-label={pinned ? `Unpin ${edge.name}` : `Pin ${edge.name}`} aria-pressed={pinned} onClick={pin}>
          <Icon name={pinned ? "check" : "pin"} />
        </button>
      </div>
      <p className="muted">
        {edge.host ?? "the bridge’s own process"} ·{" "}
        {away ? (
          <>
            lost <Ago ms={edge.since * 1000} />
            {edge.reason ? `: ${edge.reason}` : ""}
          </>
        ) : (
          <>
            since <Ago ms={edge.since * 1000} />
          </>
        )}
      </p>
      <LoadBars edge={edge.name} plugins={plugins} />
      <div className="row">
        {edge.plugins.length === 0 ? <span className="muted">No plugins.</span> : null}
        {edge.plugins.map((name) => {
          const about = plugins[name];
          return about ? (
            <Link key={name} className="chip" to={`/ui/e/${encodeURIComponent(edge.name)}/${encodeURIComponent(name)}`}>
              <Icon name={about.ui_config?.icon ?? "plugin"} /> {about.title || name}
            </Link>
          ) : (
            <span key={name} className="chip">
              {name}
            </span>
          );
        })}
        <span className="grow" />
        {edge.connected && edge.host && may(session, "admin", edge.name) ? (
          <button type="button" className="button small" disabled={!live || leaving} onClick={() => void disconnect()}>
            Disconnect
          </button>
        ) : null}
      </div>
    </article>
  );
}

/** A bar for each plot that a plugin marks as its summary. */
function LoadBars({ edge, plugins }: { edge: string; plugins: Record<string, Announced> }): ReactNode {
  const entries = Object.entries(plugins);
  const found = useQueries({ queries: entries.map(([plugin, about]) => descriptionQuery({ edge, plugin }, about)) });
  const bars = found.flatMap((each, index) =>
    (each.data?.description.views ?? [])
      .filter((view): view is PlotView => view.kind === "plot" && view.summary === true && view.unit === "percent" && view.each === undefined && !each.data?.viewProblems.has(view))
      .map((view) => ({ plugin: entries[index]?.[0] ?? "", view, description: each.data?.description as Description })),
  );
  return bars.slice(0, 2).map((bar) => <LoadBar key={`${bar.plugin} ${bar.view.id}`} edge={edge} {...bar} />);
}

function LoadBar({ edge, plugin, view, description }: { edge: string; plugin: string; view: PlotView; description: Description }): ReactNode {
  const [value, setValue] = useState<number>();
  const stream = description.streams[view.stream];
  const [heard] = useState(() => (data: unknown) => {
    const found = at(data, view.series[0]?.field ?? "");
    if (typeof found === "number") setValue(found);
  });
  useTopic(edge, plugin, stream?.topic, heard, true);
  const shown = Math.max(0, Math.min(100, value ?? 0));
  return (
    <div>
      <div className="gauge-head small">
        <span>{view.title ?? view.id}</span>
        <span>{value === undefined ? "…" : inUnit(value, "percent")}</span>
      </div>
      <div className="meter" role="meter" aria-label={`${view.title ?? view.id} of ${edge}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(shown)}>
        <span className={shown > 95 ? "bad" : shown > 85 ? "warn" : ""} style={{ width: `${shown}%` }} />
      </div>
    </div>
  );
}

export function edgeCommand(bridge: string): string {
  return `radical-edge-service --name NAME --url ${bridge.replace(/^http/, "ws")} --join-token-file join.token`;
}

export function HowToStart(): ReactNode {
  const topology = useTopology();
  return (
    <div className="card empty">
      <h2>No edge has joined yet</h2>
      <p>On the resource, install core and the plugins you want, put the bridge’s join token into a file, and start an edge:</p>
      <Command text={edgeCommand(topology?.bridge.url ?? location.origin)} />
      <p>
        <Link className="button" to="/ui/launch">
          Launch an edge
        </Link>
      </p>
    </div>
  );
}
