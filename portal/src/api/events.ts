// The tab's side of the event stream: what is connected, what there is, and who listens to what.

import { useEffect, useSyncExternalStore } from "react";
import workerUrl from "./events.worker.ts?sharedworker&url";
import { type FromHub, Hub, type Status, type ToHub, type Topology } from "./hub";

export interface Connection {
  status: Status;
  since: number;
  retryAt: number;
}

class Store<T> {
  #listeners = new Set<() => void>();
  constructor(private value: T) {}
  get = (): T => this.value;
  set(value: T): void {
    this.value = value;
    for (const listener of this.#listeners) listener();
  }
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

const connection = new Store<Connection>({ status: "connecting", since: Date.now(), retryAt: 0 });
const topology = new Store<Topology | undefined>(undefined);
type Heard = (data: unknown) => void;
const listeners = new Map<string, Set<Heard>>();
const wanted = new Map<string, number>();
const refetchers = new Set<() => void>();
let post: ((message: ToHub) => void) | undefined;
export const shared = { worker: true };

interface Policy {
  createScriptURL(url: string): unknown;
}

function scriptUrl(url: string): string {
  const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): Policy } }).trustedTypes;
  if (!types) return url;
  const policy = types.createPolicy("edge-portal", {
    createScriptURL: (given: string) => {
      if (given !== url) throw new TypeError("not the portal's own worker");
      return given;
    },
  });
  return policy.createScriptURL(url) as string;
}

let worker: SharedWorker | undefined;

/** Begin to listen; called once somebody is signed in, and again after each sign-in. */
export function listen(): void {
  if (post === undefined) {
    if (typeof SharedWorker === "undefined") {
      shared.worker = false;
      post = new Hub().join(hear);
    } else {
      worker = new SharedWorker(scriptUrl(new URL(workerUrl, document.baseURI).href), { type: "module", name: "edge-events" });
      worker.port.onmessage = (event: MessageEvent<FromHub>) => hear(event.data);
      const { port } = worker;
      port.start();
      post = (message) => port.postMessage(message);
    }
    window.addEventListener("pagehide", () => post?.({ kind: "bye" }));
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) greet();
    });
  }
  greet();
}

function greet(): void {
  post?.({ kind: "hello", base: document.baseURI });
  post?.({ kind: "topics", topics: [...wanted.keys()] });
}

function hear(message: FromHub): void {
  switch (message.kind) {
    case "status": {
      const before = connection.get();
      connection.set({ status: message.status, since: message.since, retryAt: message.retryAt });
      if (message.status === "live" && before.status === "lost") for (const refetch of refetchers) refetch();
      return;
    }
    case "topology":
      topology.set(message.data);
      return;
    case "ping":
      // A message and no timer: browsers let the timers of hidden tabs rest.
      post?.({ kind: "pong" });
      return;
    case "truncated":
      for (const refetch of refetchers) refetch();
      return;
    case "event":
      for (const listener of listeners.get(`${message.edge}\n${message.plugin}\n${message.topic}`) ?? []) listener(message.data);
  }
}

/** Stop trying: the bridge was ended on purpose. */
export function rest(): void {
  post?.({ kind: "rest" });
}

export function reconnect(): void {
  post?.({ kind: "reconnect" });
}

/** Call `refetch` whenever events may have been missed. */
export function onGap(refetch: () => void): () => void {
  refetchers.add(refetch);
  return () => refetchers.delete(refetch);
}

export function subscribe(edge: string, plugin: string, topic: string, heard: Heard, ephemeral = false): () => void {
  const key = `${edge}\n${plugin}\n${topic}`;
  const found = listeners.get(key) ?? new Set<Heard>();
  found.add(heard);
  listeners.set(key, found);
  if (ephemeral) want(topic, 1);
  return () => {
    found.delete(heard);
    if (ephemeral) want(topic, -1);
  };
}

function want(topic: string, change: number): void {
  const before = wanted.get(topic) ?? 0;
  if (before + change > 0) wanted.set(topic, before + change);
  else wanted.delete(topic);
  if (before === 0 || before + change === 0) post?.({ kind: "topics", topics: [...wanted.keys()] });
}

export function useTopic(edge: string, plugin: string, topic: string | undefined, heard: Heard, ephemeral = false): void {
  useEffect(() => {
    if (topic === undefined) return undefined;
    return subscribe(edge, plugin, topic, heard, ephemeral);
  }, [edge, plugin, topic, heard, ephemeral]);
}

export const useConnection = (): Connection => useSyncExternalStore(connection.subscribe, connection.get);
export const useTopology = (): Topology | undefined => useSyncExternalStore(topology.subscribe, topology.get);
export const topologyNow = (): Topology | undefined => topology.get();
export const connectionStore = connection;

/** Whether writing makes sense just now. */
export function useLive(): boolean {
  return useConnection().status === "live";
}
