import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { get, post, send } from "../api/client";
import { useLive, useTopology } from "../api/events";
import { may, useSession } from "../api/session";
import { text } from "../ui/format";
import { Command, CopyButton, ErrorCard, Page, Skeleton, Stale, toast, toastError, useConfirm } from "../ui/kit";
import { FactList } from "../views/small";
import { edgeCommand } from "./Edges";

interface Token {
  id: string;
  kind: string;
  subject: string;
  scopes: string[];
  label: string;
  created: number;
  expires: number | null;
}

export default function Bridge(): ReactNode {
  const topology = useTopology();
  const session = useSession();
  const live = useLive();
  const [ended, setEnded] = useState(false);
  const admin = may(session, "admin", "bridge");
  const figures = useQuery({
    queryKey: ["metrics"],
    queryFn: async ({ signal }) => readMetrics(await (await send("/metrics", { signal, headers: { accept: "text/plain" } })).text()),
    refetchInterval: 10_000,
    enabled: may(session, "read", "bridge/metrics"),
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
  const connected = Object.keys(topology?.edges ?? {}).filter((name) => name !== "bridge").length;
  return (
    <Page title="Bridge" lead={url}>
      <div className="dash">
        <section className="card" aria-labelledby="state">
          <h2 id="state">State</h2>
          <Stale since={figures.dataUpdatedAt}>
            <FactList
              data={{
                version: session?.bridge?.version, url, tls: url.startsWith("https:") ? "on" : "off: plain HTTP", edges: connected,
                listeners: figures.data?.event_listeners, parked: figures.data?.calls_parked, events: figures.data?.events_newest,
              }}
              fields={[
                { field: "/version", label: "Version" },
                { field: "/url", label: "Address", format: "code" },
                { field: "/tls", label: "TLS" },
                { field: "/edges", label: "Edges connected" },
                { field: "/listeners", label: "Event streams" },
                { field: "/parked", label: "Calls waiting for an edge" },
                { field: "/events", label: "Events so far" },
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
      <Tokens live={live} />
      <section className="card stack tight" aria-labelledby="help">
        <h2 id="help">Connect a new edge</h2>
        <p>
          The join token is in the bridge’s state folder, in the file <code>bridge/join.token</code>. With it in a file on the resource:
        </p>
        <Command text={edgeCommand(url || location.origin)} />
      </section>
      {admin ? <Danger url={url} live={live} ended={() => setEnded(true)} /> : null}
    </Page>
  );
}

function Tokens({ live }: { live: boolean }): ReactNode {
  const client = useQueryClient();
  const found = useQuery({ queryKey: ["tokens"], queryFn: ({ signal }) => get<{ tokens: Token[] }>("/tokens", { signal }) });
  const [dialog, ask] = useConfirm();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<{ token: string; id: string }>();
  const [label, setLabel] = useState("");
  const [scopes, setScopes] = useState("read:*");
  const [days, setDays] = useState("30");
  const [join, setJoin] = useState(false);
  const [wrong, setWrong] = useState("");
  const again = () => void client.invalidateQueries({ queryKey: ["tokens"] });

  const create = async (event: FormEvent) => {
    event.preventDefault();
    setWrong("");
    try {
      const body = {
        label,
        join,
        ...(join ? {} : { scopes: scopes.split(/[\s,]+/).filter(Boolean) }),
        ...(Number(days) > 0 ? { expires_s: Number(days) * 86400 } : {}),
      };
      setMade(await post("/tokens", body));
      setMaking(false);
      again();
    } catch (error) {
      setWrong(error instanceof Error ? error.message : String(error));
    }
  };
  const revoke = async (token: Token) => {
    const sure = await ask({
      title: `Revoke the token ${token.label || token.id}?`,
      confirm: "Revoke",
      text: <p>Whatever uses it is refused from this moment on, browsers that were signed in with it too.</p>,
    });
    if (!sure) return;
    try {
      await send(`/tokens/${encodeURIComponent(token.id)}`, { method: "DELETE" });
      toast("ok", `Token ${token.label || token.id} is revoked`);
      again();
    } catch (error) {
      toastError(error, "Revoke");
    }
  };
  return (
    <section className="stack tight" aria-labelledby="tokens">
      {dialog}
      <div className="row between">
        <h2 id="tokens">Tokens</h2>
        <button type="button" data-new className="button" aria-expanded={making} disabled={!live} onClick={() => setMaking(!making)}>
          New token
        </button>
      </div>
      {made ? (
        <div className="notice ok stack tight" role="status">
          <p>The new token is shown this once:</p>
          <div className="command">
            <pre data-secret>{made.token}</pre>
            <CopyButton text={made.token} label="Copy token" />
          </div>
          <p>
            <button type="button" className="button small" onClick={() => setMade(undefined)}>
              Done
            </button>
          </p>
        </div>
      ) : null}
      {making ? (
        <form className="card stack" onSubmit={(event) => void create(event)}>
          <div className="dash">
            <div>
              <label className="label" htmlFor="token-label">
                Label
              </label>
              <input id="token-label" className="input" value={label} onChange={(event) => setLabel(event.target.value)} />
              <p className="help">What it is for.</p>
            </div>
            <div>
              <label className="label" htmlFor="token-days">
                Days it lasts
              </label>
              <input id="token-days" className="input" type="number" min="0" step="any" value={days} onChange={(event) => setDays(event.target.value)} />
              <p className="help">Empty or 0: as long as your own.</p>
            </div>
            {join ? null : (
              <div>
                <label className="label" htmlFor="token-scopes">
                  Scopes
                </label>
                <input id="token-scopes" className="input mono" value={scopes} onChange={(event) => setScopes(event.target.value)} />
                <p className="help">
                  For example <code>read:*</code> or <code>write:NAME/PLUGIN</code>, separated by spaces.
                </p>
              </div>
            )}
          </div>
          <label className="row">
            <input type="checkbox" checked={join} onChange={(event) => setJoin(event.target.checked)} /> For one edge to join with, not for a caller
          </label>
          {wrong ? (
            <p className="field-error" role="alert">
              {wrong}
            </p>
          ) : null}
          <div className="row">
            <button type="submit" className="button primary" disabled={!live}>
              Create token
            </button>
            <button type="button" className="button" onClick={() => setMaking(false)}>
              Cancel
            </button>
          </div>
        </form>
      ) : null}
      {found.isPending ? <Skeleton /> : null}
      {found.error && !found.data ? <ErrorCard error={found.error} again={() => void found.refetch()} /> : null}
      {found.data ? (
        <div className="table scroll-x" tabIndex={0} role="region" aria-label="Table of tokens">
          <table className="simple">
            <thead>
              <tr>
                <th scope="col">Label</th>
                <th scope="col">Subject</th>
                <th scope="col">Scopes</th>
                <th scope="col">Created</th>
                <th scope="col">Expires</th>
                <th scope="col">
                  <span className="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.data.tokens.map((token) => (
                <tr key={token.id}>
                  <td>
                    {token.label || <span className="muted">–</span>} {token.kind === "join" ? <span className="badge">join</span> : null}
                  </td>
                  <td>{token.subject}</td>
                  <td className="mono">{token.scopes.join(" ") || "–"}</td>
                  <td>{token.created ? text(token.created, "time") : "at first start"}</td>
                  <td>{token.expires === null ? "never" : text(token.expires, "time")}</td>
                  <td>
                    {token.created ? (
                      <button type="button" className="button small danger" disabled={!live} aria-label={`Revoke ${token.label || token.id}`} onClick={() => void revoke(token)}>
                        Revoke
                      </button>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </section>
  );
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
