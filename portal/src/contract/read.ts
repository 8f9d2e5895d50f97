// A description as it came from an edge, checked: what fits the contract is used, what does not is told.

import { Validator } from "@cfworker/json-schema";
import contract from "./schema.json";
import type { Description, Operation, Resource, View } from "./types";

export const LIMIT = 256 * 1024;
const KINDS = new Set(["form", "table", "detail", "plot", "gauge", "facts", "log"]);
const whole = new Validator(contract as never, "2020-12", false);
const oneView = new Validator({ $ref: "#/$defs/view", $defs: contract.$defs } as never, "2020-12", false);

export interface Read {
  description: Description;
  /** What is wrong with the document as a whole; then only its operations are shown, as far as they can be read. */
  problem?: string;
  /** What is wrong with single views, by their place. */
  viewProblems: Map<View, string>;
}

export function read(text: string): Read {
  if (text.length > LIMIT) return { description: empty(), viewProblems: new Map(), problem: `it is larger than ${LIMIT / 1024} KiB` };
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { description: empty(), viewProblems: new Map(), problem: "it is no JSON" };
  }
  const checked = whole.validate(document);
  const given = object(document);
  if (!checked.valid) {
    const first = checked.errors.at(-1);
    const operations: Record<string, Operation> = {};
    const one = new Validator({ $ref: "#/$defs/operation", $defs: contract.$defs } as never, "2020-12");
    for (const [name, operation] of Object.entries(object(given.operations)).slice(0, 64)) {
      if (one.validate(operation).valid) operations[name] = complete(name, operation as Operation);
    }
    return {
      description: { ...empty(), sessions: given.sessions === true, $defs: object(given.$defs) as never, operations },
      viewProblems: new Map(),
      problem: first ? `${first.instanceLocation.replace(/^#/, "") || "/"}: ${first.error}` : "it does not fit the contract",
    };
  }
  const description = {
    ...empty(), ...(given as object), resources: object(given.resources), streams: object(given.streams),
    views: Array.isArray(given.views) ? given.views : [],
  } as unknown as Description;
  description.operations = Object.fromEntries(
    Object.entries(description.operations).map(([name, operation]) => [name, complete(name, operation)]),
  );
  const viewProblems = new Map<View, string>();
  for (const view of description.views) {
    if (!KINDS.has(view.kind)) viewProblems.set(view, `this portal does not know views of the kind “${String(view.kind).slice(0, 40)}”`);
    else if (!oneView.validate(view).valid) viewProblems.set(view, "the view does not fit the contract");
    else {
      const lack = missing(view, description);
      if (lack) viewProblems.set(view, lack);
    }
  }
  return { description, viewProblems };
}

function missing(view: View, description: Description): string | undefined {
  if ("operation" in view && !Object.hasOwn(description.operations, view.operation)) {
    return `it names the operation “${view.operation}”, which does not exist`;
  }
  if ("resource" in view) {
    if (!Object.hasOwn(description.resources, view.resource)) return `it names the resource “${view.resource}”, which does not exist`;
    return lacking(description.resources[view.resource] as Resource, description);
  }
  if (view.kind === "plot") {
    if (!Object.hasOwn(description.streams, view.stream)) return `it names the stream “${view.stream}”, which does not exist`;
    const history = description.streams[view.stream]?.history;
    return history === undefined ? undefined : unread(history, description);
  }
  if ((view.kind === "facts" || view.kind === "gauge") && description.operations[view.operation]?.effect !== "read") {
    return "it names an operation that changes something; only reading ones run unasked";
  }
  return undefined;
}

function lacking(resource: Resource, description: Description): string | undefined {
  const named = [resource.list, ...(resource.get ? [resource.get] : []), ...(resource.logs ?? []).map((log) => log.operation)];
  for (const name of named) {
    const lack = unread(name, description);
    if (lack) return lack;
  }
  return undefined;
}

function unread(name: string, description: Description): string | undefined {
  if (!Object.hasOwn(description.operations, name)) return `it names the operation “${name}”, which does not exist`;
  if (description.operations[name]?.effect !== "read") return `the operation “${name}” changes something; only reading ones run unasked`;
  return undefined;
}

function complete(name: string, operation: Operation): Operation {
  const words = name.replace(/_/g, " ");
  return { ...operation, title: operation.title ?? words.charAt(0).toUpperCase() + words.slice(1), method: operation.method ?? "POST" };
}

function empty(): Description {
  return {
    contract: "", plugin: { name: "", title: "", version: "" }, sessions: false, $defs: {}, topics: {}, operations: {},
    resources: {}, streams: {}, views: [],
  };
}

function object(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
