import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useRef, useState } from "react";
import { post, send } from "../api/client";
import { rest, useLive, useTopology } from "../api/events";
import type { Topology } from "../api/hub";
import { may, useSession } from "../api/session";
import { type EdgeRow, useEdges } from "../ui/edges";
import { duration } from "../ui/format";
import { Badge, Command, Page, Stale, toastError, useConfirm } from "../ui/kit";
import { FactList } from "../views/small";
import { edgeCommand } from "./Edges";
import { Tokens } from "./Tokens";

export default function Bridge(): ReactNode {
  const topology = useTopology();
  const session = useSession();
  const live = useLive();
  const [ended, setEnded] = useState(false);
  const client = useQueryClient();
  const admin = may(session, "admin", "bridge");
  const before = useRef<{ events: number; at: number }>(undefined);
  const figures = useQuery({
    queryKey: ["metrics"],
    queryFn: async ({ signal }): Promise<Record<string, number>> => {
      const found = readMetrics(await (await send("/metrics", { signal, headers: { accept: "text/plain" } })).text());
      const now = { events: found.events_newest ?? 0, at: Date.now() };
      const last = before.current;
      before.current = now;
      return last && now.at > last.at ? { ...found, rate: Math.max(0, ((now.events - last.events) / (now.at - last.at)) * 1000) } : found;
    },
    refetchInterval: 5000,
    enabled: !ended && may(session, "read", "bridge/metrics"),
  });
  if (ended) {
    return (
      <Page title="The bridge was terminated">
        <div className="card empty">
          <h2>The bridge has stopped</h2>
          <p>Edges and their jobs go on, and come back to it by themselves when it is started again:</p>
          <Command text="radical-edge-bridge" />
          <button type="button" className="button" onClick={() => location.reload()}>
            Try to connect
          </button>
        </div>
      </Page>
    );
  }
  const url = topology?.bridge.url ?? "";
  const started = session?.bridge?.started;
  const connected = Object.keys(topology?.edges ?? {}).filter((name) => name !== "bridge").length;
  return (
    <Page title="Bridge" lead={url}>
      <div className="dash">
        <section className="card" aria-labelledby="state">
          <h2 id="state">State</h2>
          <Stale since={figures.dataUpdatedAt}>
            <FactList
              data={{
                version: session?.bridge?.version, url, up: started === undefined ? undefined : duration(Date.now() / 1000 - started), tls: url.startsWith("https:") ? "on" : "off: plain HTTP", edges: connected,
                listeners: figures.data?.event_listeners, parked: figures.data?.calls_parked, events: figures.data?.events_newest, rate: figures.data?.rate === undefined ? undefined : `${figures.data.rate.toFixed(1)} a second`,
              }}
              fields={[
                { field: "/version", label: "Version" },
                { field: "/url", label: "Address", format: "code" },
                { field: "/up", label: "Running for" },
                { field: "/tls", label: "TLS" },
                { field: "/edges", label: "Edges connected" },
                { field: "/listeners", label: "Event listeners, browsers included" },
                { field: "/parked", label: "Calls waiting for an edge" },
                { field: "/events", label: "Events so far" },
                { field: "/rate", label: "Event rate" },
              ]}
            />
          </Stale>
        </section>
        <section className="card" aria-labelledby="you">
          <h2 id="you">Signed in</h2>
          <FactList
            data={{ subject: session?.subject, scopes: session?.scopes, until: session?.expires }}
            fields={[
              { field: "/subject", label: "As" },
              { field: "/scopes", label: "Scopes", format: "code" },
              { field: "/until", label: "Until", format: "time" },
            ]}
          />
        </section>
      </div>
      <Warnings url={url} topology={topology} />
      <Tokens live={live} />
      <section className="card stack tight" aria-labelledby="help">
        <h2 id="help">Connect a new edge</h2>
        <p>
          The join token is in the bridge’s state folder, in the file <code>bridge/join.token</code>. With it in a file on the resource:
        </p>
        <Command text={edgeCommand(url || location.origin)} />
      </section>
      {admin ? <Danger url={url} live={live} ended={() => { setEnded(true); void client.cancelQueries(); }} /> : null}
    </Page>
  );
}

/** What somebody should look at, read from what the bridge tells of itself and of its edges. */
function Warnings({ url, topology }: { url: string; topology: Topology | undefined }): ReactNode {
  const edges = useEdges();
  const found = warningsOf(url, topology, edges.data?.edges ?? []);
  return (
    <section className="card stack tight" aria-labelledby="warnings">
      <h2 id="warnings">Warnings</h2>
      {found.length === 0 ? <p className="muted">None.</p> : null}
      <ul className="stack tight">
        {found.map((each) => (
          <li key={each} className="row line">
            <Badge tone="warn">warning</Badge> <span className="grow">{each}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const LOOPBACK = /^(localhost|127\.|\[::1\])/;
const SKEW_S = 5;

export function warningsOf(url: string, topology: Topology | undefined, edges: EdgeRow[]): string[] {
  const found: string[] = [];
  if (url.startsWith("http:") && !LOOPBACK.test(new URL(url).host)) found.push("Traffic is not encrypted: the bridge speaks plain HTTP, and tokens can be read on the way.");
  for (const [edge, about] of Object.entries(topology?.edges ?? {})) {
    if (about.suspect) found.push(`Edge ${edge} does not answer at the moment.`);
    for (const [plugin, told] of Object.entries(about.plugins)) {
      if (!["loaded", "starting", "disabled"].includes(told.status)) found.push(`Plugin ${plugin} of edge ${edge} is ${told.status}${told.reason ? `: ${told.reason}` : "."}`);
    }
  }
  for (const edge of edges) {
    if (edge.clock_skew_s !== null && Math.abs(edge.clock_skew_s) > SKEW_S) found.push(`The clock of edge ${edge.name} is off by ${duration(Math.abs(edge.clock_skew_s))}.`);
  }
  return found;
}

function Danger({ url, live, ended }: { url: string; live: boolean; ended: () => void }): ReactNode {
  const [dialog, ask] = useConfirm();
  const name = url ? new URL(url).host : "bridge";
  const terminate = async () => {
    const sure = await ask({
      title: "Terminate the bridge?",
      confirm: "Terminate",
      retype: name,
      text: <p>Every client and every browser loses its connection. Edges and their jobs go on, and wait for a bridge at this address.</p>,
    });
    if (!sure) return;
    try {
      await post("/bridge/terminate");
      rest();
      ended();
    } catch (error) {
      toastError(error, "Terminate");
    }
  };
  return (
    <section className="card error stack tight" aria-labelledby="danger">
      {dialog}
      <h2 id="danger">Danger zone</h2>
      <div className="row between">
        <p className="grow">End the bridge’s process. Nobody reaches any edge until it is started again.</p>
        <button type="button" className="button danger" disabled={!live} onClick={() => void terminate()}>
          Terminate the bridge
        </button>
      </div>
    </section>
  );
}

/** Read the gauges without labels from Prometheus' text form. */
function readMetrics(page: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of page.split("\n")) {
    const match = /^(?:[a-z_]*?edge_)?([a-z_]+) ([0-9.e+-]+)$/.exec(line);
    if (match?.[1] !== undefined) found[match[1].replace(/^bridge_/, "")] = Number(match[2]);
  }
  return found;
}
