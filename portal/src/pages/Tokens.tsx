// Who may call the bridge: tokens to be made and revoked.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { get, post, send } from "../api/client";
import { text } from "../ui/format";
import { CopyButton, ErrorCard, Skeleton, toast, toastError, useConfirm } from "../ui/kit";

interface Token {
  id: string;
  kind: string;
  subject: string;
  scopes: string[];
  label: string;
  created: number;
  expires: number | null;
}

export function Tokens({ live }: { live: boolean }): ReactNode {
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
