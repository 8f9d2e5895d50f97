// The event hub before a real server: what it tells its tabs when streams break, events are missed, tabs vanish.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type FromHub, Hub, type ToHub } from "../src/api/hub";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Stream {
  request: IncomingMessage;
  send: (id: number, topic: string, data: object) => void;
  end: () => void;
}

class Bridge {
  streams: Stream[] = [];
  authenticated = true;
  port = 0;
  #server: Server | undefined;

  async start(port = 0): Promise<this> {
    const server = createServer((request, response) => this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
    this.port = (server.address() as AddressInfo).port;
    closing.push(() => this.stop());
    return this;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  get base(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url?.startsWith("/auth/session")) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ authenticated: this.authenticated }));
      return;
    }
    if (!this.authenticated) {
      response.statusCode = 401;
      response.end();
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const stream: Stream = {
      request,
      send: (id, topic, data) => response.write(`id: ${id}\ndata: ${JSON.stringify({ topic, data })}\n\n`),
      end: () => response.destroy(),
    };
    this.streams.push(stream);
    stream.send(0, "topology", { bridge: { url: this.base }, edges: {} });
  }
}

class Tab {
  heard: FromHub[] = [];
  answers = true;
  say: (message: ToHub) => void;

  constructor(hub: Hub, base: string) {
    this.say = hub.join((message) => {
      this.heard.push(message);
      if (message.kind === "ping" && this.answers) this.say({ kind: "pong" });
    });
    this.say({ kind: "hello", base });
  }

  kinds(kind: FromHub["kind"]): FromHub[] {
    return this.heard.filter((each) => each.kind === kind);
  }

  get status(): string {
    const last = this.kinds("status").at(-1);
    return last?.kind === "status" ? last.status : "";
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 8000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("not within 8 s");
    await new Promise((wake) => setTimeout(wake, 10));
  }
}

describe("the hub", () => {
  it("S7: gives all tabs one stream", async () => {
    const bridge = await new Bridge().start();
    const hub = new Hub();
    const tabs = Array.from({ length: 8 }, () => new Tab(hub, bridge.base));
    await until(() => tabs.every((tab) => tab.status === "live" && tab.kinds("topology").length > 0));
    expect(bridge.streams).toHaveLength(1);
    bridge.streams[0]?.send(1, "notification", { edge: "e", plugin: "p", topic: "t", data: { n: 1 } });
    await until(() => tabs.every((tab) => tab.kinds("event").length === 1));
  });

  it("S6: goes on from the last event, and passes on that events are missing", async () => {
    const bridge = await new Bridge().start();
    const tab = new Tab(new Hub(), bridge.base);
    await until(() => tab.status === "live");
    bridge.streams[0]?.send(41, "notification", { edge: "e", plugin: "p", topic: "t", data: {} });
    await until(() => tab.kinds("event").length === 1);
    bridge.streams[0]?.end();
    await until(() => bridge.streams.length === 2 && tab.status === "live");
    expect(bridge.streams[1]?.request.headers["last-event-id"]).toBe("41");
    bridge.streams[1]?.send(90, "truncated", {});
    await until(() => tab.kinds("truncated").length === 1);
  });

  it("S5: tells a bridge that is away from a session that has ended", async () => {
    const bridge = await new Bridge().start();
    const tab = new Tab(new Hub(), bridge.base);
    await until(() => tab.status === "live");
    bridge.stop();
    await until(() => tab.status === "lost");
    const again = new Bridge();
    again.authenticated = false;
    await again.start(bridge.port);
    tab.say({ kind: "reconnect" });
    await until(() => tab.status === "signed-out");
  });

  it("S7: forgets a tab that answers no more, and ends the stream with the last one", async () => {
    const bridge = await new Bridge().start();
    const hub = new Hub(50, 200);
    const tab = new Tab(hub, bridge.base);
    await until(() => tab.status === "live");
    let ended = false;
    bridge.streams[0]?.request.socket.on("close", () => {
      ended = true;
    });
    tab.answers = false;
    await until(() => ended);
    tab.answers = true;
    tab.say({ kind: "pong" }); // it was only frozen: it is told to read everything again
    await until(() => bridge.streams.length === 2 && tab.kinds("truncated").length === 1);
  });

  it("B2: rests after the bridge was ended on purpose, until somebody asks", async () => {
    const bridge = await new Bridge().start();
    const tab = new Tab(new Hub(), bridge.base);
    await until(() => tab.status === "live");
    tab.say({ kind: "rest" });
    await until(() => tab.status === "lost");
    await new Promise((wake) => setTimeout(wake, 1500)); // the first try would come within 0.6 s
    expect(bridge.streams).toHaveLength(1);
    tab.say({ kind: "reconnect" });
    await until(() => bridge.streams.length === 2 && tab.status === "live");
  });

  it("keeps a tab that answers", async () => {
    const bridge = await new Bridge().start();
    const tab = new Tab(new Hub(50, 200), bridge.base);
    await until(() => tab.kinds("ping").length > 10);
    expect(bridge.streams).toHaveLength(1);
    expect(tab.kinds("truncated")).toHaveLength(0);
  });
});
