// The same call for a terminal and for Python; the token comes from the environment.

import type { ReactNode } from "react";
import { type Place, requestFor } from "../../api/operations";
import type { Operation, Record_ } from "../../contract/types";
import { Command } from "../../ui/kit";

const shell = (text: string) => `'${text.replace(/'/g, "'\\''")}'`;

export function asCurl(place: Place, operation: Operation, input: Record_): string {
  const base = document.baseURI.replace(/\/$/, "");
  const auth = `-H "Authorization: Bearer $RADICAL_BRIDGE_TOKEN"`;
  const sid = operation.path.includes("{sid}");
  let made: ReturnType<typeof requestFor>;
  try {
    made = requestFor(place, operation, input, "SID");
  } catch {
    return "";
  }
  const query = new URLSearchParams(made.query).toString();
  const url = base + made.path + (query ? `?${query}` : "");
  const first = sid
    ? `SID=$(curl -sSf -X POST ${auth} -H 'Content-Type: application/json' -d '{"name": "portal"}' ${shell(`${base}/${encodeURIComponent(place.edge)}/${encodeURIComponent(place.plugin)}/register_session`)} | sed 's/.*"sid": *"\\([^"]*\\)".*/\\1/')\n`
    : "";
  const target = sid ? shell(url).replace("/SID", `/'"$SID"'`).replace(/''$/, "") : shell(url);
  return made.method === "GET"
    ? `${first}curl -sSf ${auth} ${target}`
    : `${first}curl -sSf -X POST ${auth} -H 'Content-Type: application/json' -d ${shell(JSON.stringify(made.body))} ${target}`;
}

export function asPython(place: Place, name: string, input: Record_): string {
  const args = Object.entries(input)
    .map(([key, value]) => `${key}=${python(value)}`)
    .join(", ");
  const safe = /^[A-Za-z_]\w*$/.test(name) && Object.keys(input).every((key) => /^[A-Za-z_]\w*$/.test(key));
  if (!safe) return "";
  return [
    "from radical_edge_client import BridgeClient",
    "",
    `with BridgeClient(${python(document.baseURI.replace(/\/$/, ""))}) as bridge:`,
    `    plugin = bridge.get_edge_client(${python(place.edge)}).get_plugin(${python(place.plugin)})`,
    `    print(plugin.${name}(${args}))`,
  ].join("\n");
}

function python(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${python(each)}`).join(", ")}}`;
  return JSON.stringify(value);
}

export function Copies({ place, operation, name, value }: { place: Place; operation: Operation; name: string; value: Record_ }): ReactNode {
  const curl = asCurl(place, operation, value);
  const code = operation.stream ? "" : asPython(place, name, value);
  if (!curl && !code) return null;
  return (
    <details>
      <summary className="muted">The same from a terminal or from Python</summary>
      <div className="stack tight">
        {curl ? (
          <Command text={curl} label="Copy as curl" />
        ) : null}
        {code ? (
          <Command text={code} label="Copy as Python" />
        ) : null}
      </div>
    </details>
  );
}
