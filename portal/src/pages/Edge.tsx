import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useLive, useTopology } from "../api/events";
import { may, useSession } from "../api/session";
import { Ago, Badge, ErrorCard, Icon, Page, Skeleton } from "../ui/kit";
import { useEdges } from "../ui/edges";
import { FactList } from "../views/small";
import { EdgeState, useDisconnect } from "./Edges";
import { NotThere } from "./NotFound";

export default function Edge(): ReactNode {
  const { edge: name = "" } = useParams({ strict: false }) as { edge?: string };
  const edges = useEdges();
  const topology = useTopology();
  const live = useLive();
  const session = useSession();
  const edge = edges.data?.edges.find((each) => each.name === name);
  const { dialog, leaving, disconnect } = useDisconnect(edge);
  if (edges.isPending) return <Page title={name}><Skeleton /></Page>;
  if (edges.error && !edges.data) return <Page title={name}><ErrorCard error={edges.error} again={() => void edges.refetch()} /></Page>;
  if (!edge) return <NotThere what="edge" name={name} />;
  const known = topology?.edges[name];
  const plugins = Object.entries(known?.plugins ?? {});
  const offered = plugins.filter(([, about]) => about.status !== "disabled");
  const disabled = plugins.filter(([, about]) => about.status === "disabled").map(([plugin]) => plugin);
  return (
    <Page
      title={name}
      crumbs={<Link to="/">Edges</Link>}
      lead={
        <span className="row">
          <EdgeState edge={edge} leaving={leaving} />
          <span>
            {edge.connected ? "since " : "lost "}
            <Ago ms={edge.since * 1000} />
            {edge.reason ? `: ${edge.reason}` : ""}
          </span>
        </span>
      }
      side={
        edge.connected && edge.host && may(session, "admin", name) ? (
          <button type="button" className="button danger" disabled={!live || leaving} onClick={() => void disconnect()}>
            Disconnect
          </button>
        ) : undefined
      }
    >
      {dialog}
      <section className="stack" aria-labelledby="plugins">
        <h2 id="plugins">Plugins</h2>
        {plugins.length === 0 ? <div className="card empty">{edge.connected ? "This edge offers no plugin." : "What the edge offers shows again once it is back."}</div> : null}
        <ul className="cards">
          {offered.map(([plugin, about]) => (
            <li key={plugin}>
              <article className="card stack tight" aria-label={about.title || plugin}>
                <div className="row between">
                  <h3 className="row grow">
                    <Icon name={about.ui_config?.icon ?? "plugin"} />
                    {about.status === "loaded" ? (
                      <Link to={`/ui/e/${encodeURIComponent(name)}/${encodeURIComponent(plugin)}`}>{about.title || plugin}</Link>
                    ) : (
                      about.title || plugin
                    )}
                  </h3>
                  {about.status !== "loaded" ? <Badge tone={about.status === "starting" ? "warn" : "bad"}>{about.status}</Badge> : null}
                </div>
                {about.ui_config?.summary ? <p>{about.ui_config.summary}</p> : null}
                {about.reason ? <p className="notice bad">{about.reason}</p> : null}
                <p className="small muted">
                  <code>{plugin}</code> {about.version} · from {about.distribution || "an unknown distribution"}
                </p>
              </article>
            </li>
          ))}
        </ul>
        {disabled.length ? (
          <p className="small muted">
            Installed, but disabled by this edge’s configuration: <code>{disabled.join(", ")}</code>
          </p>
        ) : null}
      </section>
      <section className="card" aria-labelledby="about">
        <h2 id="about">About this edge</h2>
        <FactList
          data={{
            ...(known?.endpoint ?? { host: edge.host, version: edge.version }),
            clock_skew_s: edge.clock_skew_s,
          }}
          fields={[
            { field: "/host", label: "Host", format: "code" },
            { field: "/system", label: "System" },
            { field: "/python", label: "Python" },
            { field: "/version", label: "Version" },
            { field: "/pid", label: "Process", format: "code" },
            { field: "/started_at", label: "Started", format: "time" },
            { field: "/clock_skew_s", label: "Clock off by", unit: "seconds" },
          ]}
        />
      </section>
    </Page>
  );
}
