import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, Suspense, lazy, useEffect, useMemo, useRef, useState } from "react";
import { type FieldProblem, newKey, Problem } from "../api/client";
import { useConnection } from "../api/events";
import { call, open, type Place } from "../api/operations";
import { normalise } from "../contract/normalise";
import type { Description, Operation, Record_, Schema } from "../contract/types";
import { ErrorCard, Skeleton, toast, useConfirm } from "../ui/kit";
import { questionFor } from "./actions";
import { Copies } from "./form/copies";
import { draft, draftName, withoutSecrets, withRequired } from "./form/drafts";
import { JsonEdit } from "./form/JsonEdit";
import { Result, Success } from "./form/Result";

const SchemaForm = lazy(() => import("../ui/SchemaForm"));
const Log = lazy(() => import("../ui/log/Log"));

interface Props {
  name: string;
  place: Place;
  description: Description;
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

function Ready({ name, place, description, operation, schema }: Props & { operation: Operation; schema: Schema }): ReactNode {
  const kept = draftName(place.plugin, name);
  const [value, setValue] = useState<Record_>(() => withRequired(schema, draft(kept) ?? {}));
  const [version, setVersion] = useState(0);
  const [mode, setMode] = useState<"form" | "json">("form");
  const [problems, setProblems] = useState<FieldProblem[]>([]);
  const [failure, setFailure] = useState<Problem>();
  const [done, setDone] = useState<{ data: unknown }>();
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
      if (JSON.stringify(value) !== JSON.stringify(withRequired(schema, {}))) sessionStorage.setItem(kept, JSON.stringify(withoutSecrets(value, schema)));
      else sessionStorage.removeItem(kept);
    } catch {
      // No storage: the draft lives as long as the page.
    }
  }, [value, kept, schema]);

  const replace = (to: Record_) => {
    setValue(withRequired(schema, to));
    setProblems([]);
    setFailure(undefined);
    setVersion((n) => n + 1);
    key.current = newKey();
  };

  const submit = async (input: Record_) => {
    if (busy) return;
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
      setDone({ data });
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
          <Result {...{ operation, place, description }} data={done.data} open={(to) => void navigate({ to })} />
        ) : streamed ? (
          <Suspense fallback={<Skeleton />}>
            <Log key={version} label={operation.title} resumes={false} open={(_offset, signal) => open(place, operation, streamed, signal)} />
          </Suspense>
        ) : null}
      </div>
    </div>
  );
}
