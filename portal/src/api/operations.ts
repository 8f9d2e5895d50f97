// Calls of a plugin's operations: always at its own edge and below its own path.

import type { Operation, Record_ } from "../contract/types";
import { get, newKey, post, Problem, send } from "./client";

const sids = new Map<string, Promise<string>>();
const SEGMENT = /^(?:[A-Za-z0-9_]+|\{[A-Za-z0-9_]+\})(?:\/(?:[A-Za-z0-9_]+|\{[A-Za-z0-9_]+\}))*$/;

export interface Place {
  edge: string;
  plugin: string;
}

function root(place: Place): string {
  return `/${encodeURIComponent(place.edge)}/${encodeURIComponent(place.plugin)}`;
}

/** Return the user's session at a plugin; it is opened when first needed, and shared by all tabs by its name. */
export async function session(place: Place, renew = false): Promise<string> {
  const at = root(place);
  let found = sids.get(at);
  if (found === undefined || renew) {
    found = post<{ sid: string }>(`${at}/register_session`, { name: "portal" }).then((answer) => answer.sid);
    sids.set(at, found);
    found.catch(() => sids.delete(at));
  }
  return found;
}

export interface Request_ {
  method: "GET" | "POST";
  path: string;
  query: Record<string, string>;
  body: Record_;
}

/** Return the request that an operation with some input stands for. */
export function requestFor(place: Place, operation: Operation, input: Record_, sid: string): Request_ {
  if (!SEGMENT.test(operation.path)) throw new Problem(0, "invalid", "the operation's path is not allowed");
  const rest: Record_ = { ...input };
  const path = operation.path.replace(/\{([A-Za-z0-9_]+)\}/g, (_all, name: string) => {
    if (name === "sid") return encodeURIComponent(sid);
    const value = rest[name];
    delete rest[name];
    const text = value === undefined || value === null ? "" : String(value);
    if (text === "" || text === "." || text === "..") throw new Problem(422, "invalid", `${name} is needed`);
    return encodeURIComponent(text);
  });
  const query: Record<string, string> = {};
  if (operation.method === "GET") {
    for (const [name, value] of Object.entries(rest)) {
      if (value !== undefined && value !== null) query[name] = typeof value === "object" ? JSON.stringify(value) : String(value);
    }
  }
  return { method: operation.method, path: `${root(place)}/${path}`, query, body: operation.method === "POST" ? rest : {} };
}

export interface CallOptions {
  signal?: AbortSignal;
  key?: string;
  wait?: number;
}

async function sendOperation(place: Place, operation: Operation, input: Record_, options: CallOptions): Promise<Response> {
  const needsSession = operation.path.includes("{sid}");
  const headers: Record<string, string> = {};
  if (operation.effect !== "read") headers["idempotency-key"] = options.key ?? newKey();
  if (options.wait !== undefined) headers.prefer = `wait=${options.wait}`;
  const once = (sid: string) => {
    const made = requestFor(place, operation, input, sid);
    return send(made.path, { ...made, headers, ...(options.signal ? { signal: options.signal } : {}) });
  };
  const sid = needsSession ? await session(place) : "";
  try {
    return await once(sid);
  } catch (error) {
    if (!needsSession || !(error instanceof Problem) || (error.status !== 404 && error.status !== 410)) throw error;
    // Either what was asked for is not there, or the session is: opening it by its name tells which.
    const again = await session(place, true);
    if (again === sid) throw error;
    return once(again);
  }
}

export async function call<T = unknown>(place: Place, operation: Operation, input: Record_ = {}, options: CallOptions = {}): Promise<T> {
  return (await (await sendOperation(place, operation, input, options)).json()) as T;
}

/** Start a call whose answer is a stream of bytes. */
export async function open(place: Place, operation: Operation, input: Record_, signal: AbortSignal): Promise<Response> {
  return sendOperation(place, operation, input, { signal });
}

export async function describe(place: Place): Promise<string> {
  return (await send(`${root(place)}/describe`)).text();
}

export { get };
