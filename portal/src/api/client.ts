// Requests to the bridge. The cookie speaks for the user; nothing here ever holds a token.

export interface FieldProblem {
  path: string;
  message: string;
}

/** What went wrong, as the bridge or an edge said it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly problems: FieldProblem[] = [],
    readonly requestId = "",
    readonly retryAfterS = 0,
  ) {
    super(message);
  }
}

type Listener = () => void;
const signedOut = new Set<Listener>();
export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

export function address(path: string): string {
  return new URL(path.replace(/^\//, ""), document.baseURI).href;
}

export interface Wanted {
  method?: string;
  body?: unknown;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Send a request and return the answer, whatever its status. */
export async function send(path: string, wanted: Wanted = {}): Promise<Response> {
  const { method = "GET", body, query, headers = {}, signal } = wanted;
  const url = new URL(address(path));
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
  const requestId = crypto.getRandomValues(new Uint32Array(2)).reduce((text, part) => text + part.toString(16), "");
  const sent: Record<string, string> = { accept: "application/json", "x-request-id": requestId, ...headers };
  if (method !== "GET") {
    sent["content-type"] = "application/json";
    sent["x-edge-portal"] = "1";
  }
  const init: RequestInit = { method, headers: sent, credentials: "same-origin", cache: "no-store" };
  if (signal) init.signal = signal;
  if (method !== "GET") init.body = JSON.stringify(body ?? {});
  let answer: Response;
  try {
    answer = await fetch(url, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "bridge_away", "the bridge can't be reached", [], requestId);
  }
  if (answer.ok) return answer;
  const problem = await explain(answer, requestId);
  if (answer.status === 401 && !path.startsWith("/auth/")) for (const listener of signedOut) listener();
  throw problem;
}

async function explain(answer: Response, requestId: string): Promise<Problem> {
  let document: Record<string, unknown> = {};
  try {
    document = (await answer.json()) as Record<string, unknown>;
  } catch {
    // Not a problem document: something between here and the bridge has answered.
  }
  const problems = Array.isArray(document.problems) ? (document.problems as FieldProblem[]) : [];
  const detail = typeof document.detail === "string" ? document.detail : `${answer.status} ${answer.statusText}`.trim();
  const retry = Number(answer.headers.get("retry-after") ?? 0) || 0;
  return new Problem(answer.status, String(document.code ?? ""), detail, problems, requestId, retry);
}

export async function get<T>(path: string, wanted: Wanted = {}): Promise<T> {
  return (await (await send(path, wanted)).json()) as T;
}

export async function post<T>(path: string, body: unknown = {}, wanted: Wanted = {}): Promise<T> {
  return (await (await send(path, { ...wanted, method: "POST", body })).json()) as T;
}

/** A key under which a call that changes something is done once, however often it is sent. */
export function newKey(): string {
  return `portal-${Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join("")}`;
}
