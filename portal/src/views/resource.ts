// The items of a resource: read once, then kept current by events.

import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useCallback } from "react";
import { useTopic } from "../api/events";
import { call, type Place } from "../api/operations";
import { at } from "../contract/pointer";
import type { Description, Operation, Record_, Resource } from "../contract/types";

export function listKey(place: Place, resource: Resource): unknown[] {
  return ["op", place.edge, place.plugin, resource.list, resource.list_input ?? {}];
}

export function itemsQuery(place: Place, description: Description, resource: Resource) {
  const operation = description.operations[resource.list] as Operation;
  return {
    queryKey: listKey(place, resource),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<unknown[]> => {
      const found = at(await call(place, operation, resource.list_input ?? {}, { signal }), resource.items);
      return Array.isArray(found) ? found : [];
    },
    staleTime: 30_000,
    enabled: operation?.effect === "read",
  };
}

export function useItems(place: Place, description: Description, resource: Resource): UseQueryResult<unknown[]> {
  useLiveItems(place, description, resource);
  return useQuery(itemsQuery(place, description, resource));
}

/** Merge what events tell of single items into what was read. */
export function useLiveItems(place: Place, description: Description, resource: Resource): void {
  const client = useQueryClient();
  const { live, key } = resource;
  const heard = useCallback(
    (data: unknown) => {
      const id = at(data, key);
      const queryKey = ["op", place.edge, place.plugin, resource.list, resource.list_input ?? {}];
      const rows = client.getQueryData<unknown[]>(queryKey);
      if (rows && live?.merge === "key" && id !== undefined) {
        const index = rows.findIndex((row) => at(row, key) === id);
        if (index >= 0) {
          const known = rows[index] as Record_;
          if (live.version && Number(at(known, live.version)) > Number(at(data, live.version))) return;
          const merged = Object.fromEntries(Object.entries(data as Record_).filter(([name]) => Object.hasOwn(known, name)));
          client.setQueryData(queryKey, rows.map((row, place_) => (place_ === index ? { ...known, ...merged } : row)));
          const final = resource.state?.final?.includes(String(at(data, resource.state.field)));
          if (final) void client.invalidateQueries({ queryKey });
          return;
        }
      }
      void client.invalidateQueries({ queryKey });
    },
    [client, place.edge, place.plugin, resource, key, live],
  );
  const topic = live?.topic;
  useTopic(place.edge, place.plugin, topic, heard, topic !== undefined && description.topics[topic]?.kind === "ephemeral");
}

/** Return the input of an operation for one item: named fields of it, else those that the path asks for. */
export function inputFor(operation: Operation, item: unknown, args?: Record<string, string>, fixed?: Record_): Record_ {
  const input: Record_ = { ...fixed };
  if (args) for (const [name, pointer] of Object.entries(args)) input[name] = at(item, pointer);
  else {
    for (const [, name] of operation.path.matchAll(/\{([A-Za-z0-9_]+)\}/g)) {
      if (name !== undefined && name !== "sid") input[name] = at(item, `/${name}`);
    }
  }
  return input;
}
