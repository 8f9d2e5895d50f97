// One stream of events for all tabs. Lives in a shared worker, or in the tab where there is none.

export type Status = "connecting" | "live" | "lost" | "signed-out";

export type FromHub =
  | { kind: "status"; status: Status; since: number; retryAt: number }
  | { kind: "topology"; data: Topology }
  | { kind: "event"; edge: string; plugin: string; topic: string; data: unknown }
  | { kind: "truncated" }
  | { kind: "ping" };

export type ToHub =
  | { kind: "hello"; base: string }
  | { kind: "topics"; topics: string[] }
  | { kind: "pong" }
  | { kind: "reconnect" }
  | { kind: "rest" }
  | { kind: "bye" };

export interface Announced {
  type: string;
  version: string;
  enabled: boolean;
  status: string;
  reason: string;
  distribution: string;
  title: string;
  describe: string;
  namespace: string;
  ui_config?: { title?: string; icon?: string; summary?: string };
}

export interface Topology {
  bridge: { url: string };
  edges: Record<string, { endpoint: Record<string, unknown>; suspect: boolean; plugins: Record<string, Announced> }>;
}

interface Member {
  post: (message: FromHub) => void;
  topics: string[];
  heard: number;
  known: boolean;
}

const SILENT_MS = 40_000;
// A tab that was closed says so; one that was killed does not answer any more. Its stream ends within a minute.
const ASK_MS = 15_000;
const GONE_MS = 40_000;

export class Hub {
  #members = new Set<Member>();
  #base = "";
  #lastId = "";
  #topology: Topology | undefined;
  #status: Status = "connecting";
  #since = Date.now();
  #retryAt = 0;
  #tries = 0;
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #asked = "";
  #resting = false;

  constructor(askMs = ASK_MS, private readonly goneMs = GONE_MS) {
    setInterval(() => {
      this.#sweep();
      this.#tell({ kind: "ping" });
    }, askMs);
  }

  /** Add a tab; returns what takes its messages. */
  join(post: (message: FromHub) => void): (message: ToHub) => void {
    const member: Member = { post, topics: [], heard: Date.now(), known: false };
    return (message) => {
      member.heard = Date.now();
      switch (message.kind) {
        case "bye":
          this.#members.delete(member);
          this.#sweep();
          return;
        case "hello":
          this.#base = message.base;
          this.#resting = false;
          this.#enter(member);
          if (this.#status === "signed-out") this.#start();
          return;
        case "topics":
          member.topics = message.topics;
          this.#enter(member);
          if (this.#wanted() !== this.#asked && this.#status === "live") this.#start();
          return;
        case "rest":
          // The bridge was ended on purpose: nobody knocks at its door until somebody asks for that.
          this.#enter(member);
          this.#resting = true;
          clearTimeout(this.#timer);
          this.#abort?.abort();
          this.#become("lost");
          return;
        case "reconnect":
          this.#resting = false;
          this.#enter(member);
          this.#tries = 0;
          this.#start();
          return;
        default:
          this.#enter(member);
      }
    };
  }

  #enter(member: Member): void {
    if (this.#members.has(member)) return;
    this.#members.add(member);
    member.post(this.#told());
    if (this.#topology) member.post({ kind: "topology", data: this.#topology });
    // One that comes back, from a cache or from being frozen, has missed what came meanwhile.
    if (member.known) member.post({ kind: "truncated" });
    member.known = true;
    if (this.#abort === undefined && this.#base !== "" && this.#status !== "signed-out") this.#start();
  }

  #told(): FromHub {
    return { kind: "status", status: this.#status, since: this.#since, retryAt: this.#retryAt };
  }

  #tell(message: FromHub): void {
    for (const member of this.#members) member.post(message);
  }

  #become(status: Status, retryAt = 0): void {
    if (status !== this.#status) this.#since = Date.now();
    this.#status = status;
    this.#retryAt = retryAt;
    this.#tell(this.#told());
  }

  #wanted(): string {
    return [...new Set([...this.#members].flatMap((member) => member.topics))].sort().join(",");
  }

  #sweep(): void {
    const now = Date.now();
    for (const member of this.#members) if (now - member.heard > this.goneMs) this.#members.delete(member);
    if (this.#members.size === 0) {
      this.#abort?.abort();
      this.#abort = undefined;
      clearTimeout(this.#timer);
      clearTimeout(this.#silence);
    }
  }

  #start(): void {
    if (this.#resting) return;
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    void this.#run(abort);
  }

  async #run(abort: AbortController): Promise<void> {
    try {
      await this.#listen(abort);
    } catch {
      // What happened shows below: the stream is not there any more.
    }
    if (abort !== this.#abort) return;
    clearTimeout(this.#silence);
    if (this.#resting) return;
    if (await this.#isSignedOut()) {
      if (abort !== this.#abort) return;
      this.#abort = undefined;
      this.#lastId = "";
      this.#topology = undefined;
      this.#become("signed-out");
      return;
    }
    if (abort !== this.#abort || this.#resting) return;
    const wait = Math.min(15_000, 500 * 2 ** this.#tries) * (0.75 + Math.random() / 2);
    this.#tries += 1;
    this.#become("lost", Date.now() + wait);
    this.#timer = setTimeout(() => this.#start(), wait);
  }

  async #isSignedOut(): Promise<boolean> {
    try {
      const answer = await fetch(new URL("auth/session", this.#base), { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(5000) });
      return answer.ok && ((await answer.json()) as { authenticated: boolean }).authenticated === false;
    } catch {
      return false;
    }
  }

  async #listen(abort: AbortController): Promise<void> {
    const url = new URL("events", this.#base);
    this.#asked = this.#wanted();
    if (this.#asked) url.searchParams.set("ephemeral", this.#asked);
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (this.#lastId) headers["last-event-id"] = this.#lastId;
    const connected = setTimeout(() => abort.abort(), 10_000);
    const answer = await fetch(url, { headers, credentials: "same-origin", cache: "no-store", signal: abort.signal });
    clearTimeout(connected);
    if (!answer.ok || !answer.body) return;
    this.#tries = 0;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    this.#watch(abort);
    while (true) {
      const { value, done } = await reader.read();
      if (done || abort !== this.#abort) return;
      if (this.#status !== "live") this.#become("live");
      this.#watch(abort);
      rest += value;
      let end = rest.indexOf("\n\n");
      while (end >= 0) {
        this.#take(rest.slice(0, end));
        rest = rest.slice(end + 2);
        end = rest.indexOf("\n\n");
      }
    }
  }

  #watch(abort: AbortController): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => abort.abort(), SILENT_MS);
  }

  #take(block: string): void {
    let data = "";
    for (const line of block.split("\n")) {
      if (line.startsWith("id: ")) this.#lastId = line.slice(4);
      else if (line.startsWith("data: ")) data += line.slice(6);
    }
    if (!data) return;
    const told = JSON.parse(data) as { topic: string; data: Record<string, unknown> };
    if (told.topic === "topology") {
      this.#topology = told.data as unknown as Topology;
      this.#tell({ kind: "topology", data: this.#topology });
    } else if (told.topic === "truncated") {
      this.#tell({ kind: "truncated" });
    } else if (told.topic === "notification") {
      const { edge, plugin, topic, data: payload } = told.data as Record<string, string> & { data: unknown };
      this.#tell({ kind: "event", edge: edge ?? "", plugin: plugin ?? "", topic: topic ?? "", data: payload });
    }
  }
}
