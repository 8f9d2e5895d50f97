import { Link, useNavigate } from "@tanstack/react-router";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, Suspense, lazy, useEffect, useMemo, useRef, useState } from "react";
import { type FieldProblem, newKey, Problem } from "../api/client";
import { useConnection } from "../api/events";
import { call, open, type Place, requestFor } from "../api/operations";
import { normalise } from "../contract/normalise";
import { at } from "../contract/pointer";
import type { Description, Operation, Record_, Schema } from "../contract/types";
import { columnsOf } from "../ui/format";
import { CopyButton, ErrorCard, Skeleton, toast, useConfirm } from "../ui/kit";
import Table from "../ui/Table";
import { questionFor } from "./actions";
import { FactList } from "./small";
import { itemPath } from "./TableView";

const SchemaForm = lazy(() => import("../ui/SchemaForm"));
const Log = lazy(() => import("../ui/Log"));

interface Props {
  name: string;
  place: Place;
  description: Description;
}

interface Done {
  data: unknown;
  input: Record_;
}

export default function FormView({ name, place, description }: Props): ReactNode {
  const operation = description.operations[name] as Operation;
  const schema = useMemo(() => {
    try {
      return normalise(operation.input, description.$defs);
    } catch (error) {
      return error as Error;
    }
  }, [operation, description]);
  if (schema instanceof Error) return <ErrorCard error={schema} title="This form can’t be shown" />;
  return <Ready key={`${place.edge}/${place.plugin}/${name}`} {...{ name, place, description, operation, schema }} />;
}

/** Put in the objects that must be there, so that what is missing in them is told at its own field. */
export function withRequired(schema: Schema, value: Record_, root: Schema = schema, depth = 0): Record_ {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const out: Record_ = { ...value };
  for (const name of Array.isArray(schema.required) ? (schema.required as string[]) : []) {
    let each = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (typeof each?.$ref === "string") each = (root.$defs as Record<string, Schema> | undefined)?.[each.$ref.replace("#/$defs/", "")];
    if (!each || depth > 8 || (each.type !== "object" && each.properties === undefined)) continue;
    const inner = out[name];
    if (inner === undefined || (inner !== null && typeof inner === "object" && !Array.isArray(inner))) out[name] = withRequired(each, (inner ?? {}) as Record_, root, depth + 1);
  }
  return out;
}

/** Fields that are secret are never kept, copied or shown again. */
function withoutSecrets(value: Record_, schema: Schema): Record_ {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => !(Object.hasOwn(properties, key) && (properties[key]?.format === "password" || properties[key]?.writeOnly === true))),
  );
}

function Ready({ name, place, description, operation, schema }: Props & { operation: Operation; schema: Schema }): ReactNode {
  const draftName = `edge.draft.${place.plugin}.${name}`;
  const [value, setValue] = useState<Record_>(() => withRequired(schema, draft(draftName) ?? {}));
  const [version, setVersion] = useState(0);
  const [mode, setMode] = useState<"form" | "json">("form");
  const [problems, setProblems] = useState<FieldProblem[]>([]);
  const [failure, setFailure] = useState<Problem>();
  const [done, setDone] = useState<Done>();
  const [busy, setBusy] = useState(false);
  const [streamed, setStreamed] = useState<Record_>();
  const key = useRef(newKey());
  const [dialog, ask] = useConfirm();
  const client = useQueryClient();
  const navigate = useNavigate();
  const live = useConnection().status === "live";
  const reads = operation.effect === "read";

  useEffect(() => {
    try {
      if (JSON.stringify(value) !== JSON.stringify(withRequired(schema, {}))) sessionStorage.setItem(draftName, JSON.stringify(withoutSecrets(value, schema)));
      else sessionStorage.removeItem(draftName);
    } catch {
      // No storage: the draft lives as long as the page.
    }
  }, [value, draftName, schema]);

  const replace = (to: Record_) => {
    setValue(withRequired(schema, to));
    setProblems([]);
    setFailure(undefined);
    setVersion((n) => n + 1);
    key.current = newKey();
  };

  const submit = async (given: Record_) => {
    if (busy) return;
    const input = given;
    if (operation.effect === "destructive" && !(await ask(questionFor(place, name, operation, input)))) return;
    setProblems([]);
    setFailure(undefined);
    if (operation.stream) {
      setStreamed(input);
      setVersion((n) => n + 1);
      return;
    }
    setBusy(true);
    try {
      const data = await call(place, operation, input, { key: key.current });
      key.current = newKey();
      setDone({ data, input });
      if (!reads) {
        void client.invalidateQueries({ queryKey: ["op", place.edge, place.plugin] });
        toast("ok", <Success operation={operation} data={data} place={place} />);
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setFailure(error);
      setDone(undefined);
      // A call that was answered is over; one whose answer is unknown is repeated under the same key.
      if (error.status >= 400 && error.status < 500) key.current = newKey();
      if (error.status === 422) setProblems(error.problems);
    } finally {
      setBusy(false);
    }
  };

  const label = operation.ui?.submit ?? operation.title;
  const text = reads && !/^(list|show|get|read|fetch|find|search)/i.test(label) ? `Show ${label.charAt(0).toLowerCase()}${label.slice(1)}` : label;
  return (
    <div className="form-layout">
      {dialog}
      <div className="card stack">
        <div className="row between">
          <div className="row tight" role="group" aria-label="How to fill it in">
            <button type="button" className="chip" aria-pressed={mode === "form"} onClick={() => setMode("form")}>
              Form
            </button>
            <button type="button" className="chip" aria-pressed={mode === "json"} onClick={() => setMode("json")}>
              JSON
            </button>
          </div>
          <div className="row tight">
            {operation.examples?.length ? (
              <label className="row tight">
                <span className="sr">Example</span>
                <select
                  className="input"
                  value=""
                  onChange={(event) => {
                    const chosen = operation.examples?.[Number(event.target.value)];
                    if (chosen) replace(structuredClone(chosen.input));
                  }}
                >
                  <option value="" disabled>
                    Examples
                  </option>
                  {operation.examples.map((example, index) => (
                    <option key={index} value={index}>
                      {example.title ?? `Example ${index + 1}`}
                    </option>
                  ))}
                </select>
              </label>
            ) : null}
            <button type="button" className="button small" onClick={() => replace({})}>
              Reset
            </button>
          </div>
        </div>
        {operation.summary ? <p className="muted">{operation.summary.replace(/``/g, "")}</p> : null}
        {failure ? (
          <div className="notice bad" role="alert">
            {failure.message}
            {failure.requestId && failure.status >= 500 ? (
              <p className="small">
                Request <code>{failure.requestId}</code>
              </p>
            ) : null}
          </div>
        ) : null}
        {mode === "json" ? (
          <JsonEdit value={value} change={(to) => setValue(to)} submit={(to) => void submit(to)} label={text} disabled={(!live && !reads) || busy} />
        ) : (
          <Suspense fallback={<Skeleton lines={6} />}>
            <SchemaForm
              key={version}
              {...{ schema, operation, place, description, value, problems, busy }}
              change={(to) => {
                setValue(to);
                if (!busy) key.current = newKey();
              }}
              submit={(to) => void submit(to)}
              submitLabel={text}
              disabled={busy || (!live && !reads)}
            />
          </Suspense>
        )}
        <Copies {...{ place, operation, name }} value={withoutSecrets(value, schema)} />
      </div>
      <div className="stack" aria-live="polite">
        {done ? (
          <Result {...{ done, operation, place, description }} open={(to) => void navigate({ to })} />
        ) : streamed ? (
          <Suspense fallback={<Skeleton />}>
            <Log key={version} label={operation.title} resumes={false} open={(_offset, signal) => open(place, operation, streamed, signal)} />
          </Suspense>
        ) : null}
      </div>
    </div>
  );
}

function draft(name: string): Record_ | undefined {
  try {
    const kept = sessionStorage.getItem(name);
    const found: unknown = kept === null ? undefined : JSON.parse(kept);
    return found !== null && typeof found === "object" && !Array.isArray(found) ? (found as Record_) : undefined;
  } catch {
    return undefined;
  }
}

/** Give the form of an operation something to begin with. */
export function keepDraft(plugin: string, name: string, value: Record_): void {
  try {
    sessionStorage.setItem(`edge.draft.${plugin}.${name}`, JSON.stringify(value));
  } catch {
    // No storage: the form begins empty.
  }
}

function opened(operation: Operation, data: unknown, place: Place): { to: string; key: string } | undefined {
  if (!operation.then) return undefined;
  const key = at(data, operation.then.key);
  return key === undefined ? undefined : { to: itemPath(place, operation.then.open, key), key: String(key) };
}

function Success({ operation, data, place }: { operation: Operation; data: unknown; place: Place }): ReactNode {
  const found = opened(operation, data, place);
  return (
    <span>
      {operation.title}: done.{" "}
      {found ? (
        <Link to={found.to}>
          Open <code>{found.key}</code>
        </Link>
      ) : null}
    </span>
  );
}

function Result({ done, operation, place, description, open: go }: { done: Done; operation: Operation; place: Place; description: Description; open: (to: string) => void }): ReactNode {
  const found = opened(operation, done.data, place);
  const list = operation.result === "table" ? firstList(done.data) : undefined;
  const schema = useMemo(() => {
    try {
      return normalise(operation.output, description.$defs);
    } catch {
      return {};
    }
  }, [operation, description]);
  void schema;
  return (
    <section className="card stack" aria-label="Result">
      <div className="card-head">
        <h2>Result</h2>
        <CopyButton text={JSON.stringify(done.data, null, 2)} label="Copy as JSON" />
      </div>
      {found ? (
        <p>
          <button type="button" className="button primary" onClick={() => go(found.to)}>
            Open {description.resources[operation.then?.open ?? ""]?.title.toLowerCase() ?? "it"}
          </button>
        </p>
      ) : null}
      {list ? (
        <Table label="Result" rows={list} columns={columnsOf(list)} keyOf={(row) => JSON.stringify(row)} />
      ) : (
        <FactList data={done.data} />
      )}
    </section>
  );
}

function firstList(data: unknown): unknown[] | undefined {
  if (Array.isArray(data)) return data as unknown[];
  if (data !== null && typeof data === "object") return Object.values(data).find((each): each is unknown[] => Array.isArray(each));
  return undefined;
}

function JsonEdit({ value, change, submit, label, disabled }: { value: Record_; change: (to: Record_) => void; submit: (to: Record_) => void; label: string; disabled: boolean }): ReactNode {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const [wrong, setWrong] = useState("");
  const parsed = (): Record_ | undefined => {
    try {
      const found: unknown = JSON.parse(text);
      if (found === null || typeof found !== "object" || Array.isArray(found)) throw new Error("it is not an object");
      setWrong("");
      return found as Record_;
    } catch (error) {
      setWrong((error as Error).message);
      return undefined;
    }
  };
  return (
    <form
      className="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        const found = parsed();
        if (found) submit(found);
      }}
    >
      <textarea
        className="json-edit"
        aria-label="Input as JSON"
        aria-invalid={wrong !== ""}
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => {
          const found = parsed();
          if (found) change(found);
        }}
      />
      {wrong ? (
        <p className="field-error" role="alert">
          {wrong}
        </p>
      ) : null}
      <div>
        <button type="submit" className="button primary" disabled={disabled}>
          {label}
        </button>
      </div>
    </form>
  );
}

const shell = (text: string) => `'${text.replace(/'/g, "'\\''")}'`;

/** The same call for a terminal and for Python; the token comes from the environment. */
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
    "import os",
    "from radical_edge_client import BridgeClient",
    "",
    `with BridgeClient(${python(document.baseURI.replace(/\/$/, ""))}) as bridge:`,
    `    plugin = bridge.get_edge_client(${python(place.edge)}).get_plugin(${python(place.plugin)})`,
    `    print(plugin.${name}(${args}))`,
  ]
    .filter((line) => line !== "import os")
    .join("\n");
}

function python(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${python(each)}`).join(", ")}}`;
  return JSON.stringify(value);
}

function Copies({ place, operation, name, value }: { place: Place; operation: Operation; name: string; value: Record_ }): ReactNode {
  const curl = asCurl(place, operation, value);
  const code = operation.stream ? "" : asPython(place, name, value);
  if (!curl && !code) return null;
  return (
    <details>
      <summary className="muted">The same from a terminal or from Python</summary>
      <div className="stack tight">
        {curl ? (
          <div className="command">
            <pre>{curl}</pre>
            <CopyButton text={curl} label="Copy as curl" />
          </div>
        ) : null}
        {code ? (
          <div className="command">
            <pre>{code}</pre>
            <CopyButton text={code} label="Copy as Python" />
          </div>
        ) : null}
      </div>
    </details>
  );
}
