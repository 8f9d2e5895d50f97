// Tells when something that somebody waits for has ended, also while another page is open.

import { useSyncExternalStore } from "react";
import { at } from "../contract/pointer";
import type { Description, Operation, Resource } from "../contract/types";
import { onGap, subscribe } from "./events";
import { call, type Place } from "./operations";

export interface Watched {
  place: Place;
  description: Description;
  resource: Resource;
  id: string;
  input: Record<string, unknown>;
}

const watched = new Map<string, () => void>();
const heard = new Set<() => void>();

function told(): void {
  for (const each of heard) each();
}

export function watchName({ place, resource, id }: Pick<Watched, "place" | "resource" | "id">): string {
  return `${place.edge}/${place.plugin}/${resource.title}/${id}`;
}

/** Whether this browser can tell anything at all: only over TLS or on this very machine. */
export const canNotify = (): boolean => typeof Notification !== "undefined" && isSecureContext;

/** Begin to watch an item; asks for the permission. Returns whether the browser gave it. */
export async function watch(item: Watched): Promise<boolean> {
  if ((await Notification.requestPermission()) !== "granted") return false;
  const { place, description, resource, id } = item;
  const name = watchName(item);
  if (watched.has(name) || !resource.state || !resource.live) return true;
  const look = (data: unknown) => {
    const state = resource.state ? at(data, resource.state.field) : undefined;
    if (String(at(data, resource.key)) !== id || !resource.state?.final?.includes(String(state))) return;
    unwatch(name);
    new Notification(`${resource.title} ${id}: ${String(state)}`, { body: `${description.plugin.title} on ${place.edge}`, tag: name });
  };
  const again = () => {
    const operation = description.operations[resource.get ?? ""] as Operation | undefined;
    if (operation?.effect === "read") call(place, operation, item.input).then(look, () => undefined);
  };
  const ends = [subscribe(place.edge, place.plugin, resource.live.topic, look), onGap(again)];
  watched.set(name, () => ends.forEach((end) => end()));
  told();
  again(); // it may have ended while the browser asked
  return true;
}

export function unwatch(name: string): void {
  watched.get(name)?.();
  watched.delete(name);
  told();
}

export function useWatched(name: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      heard.add(listener);
      return () => heard.delete(listener);
    },
    () => watched.has(name),
  );
}
