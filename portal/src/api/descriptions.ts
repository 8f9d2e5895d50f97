// Each distinct description is fetched once: an edge announces the hash of each.

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { Read } from "../contract/read";
import type { Announced } from "./hub";
import { describe, type Place } from "./operations";

export function descriptionQuery(place: Place, announced: Announced | undefined) {
  return {
    queryKey: ["describe", announced?.describe || `${place.edge}/${place.plugin}/${announced?.version ?? ""}`],
    queryFn: async (): Promise<Read> => {
      const [text, { read }] = await Promise.all([describe(place), import("../contract/read")]);
      return read(text);
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
    enabled: announced?.status === "loaded",
  };
}

export function useDescription(place: Place, announced: Announced | undefined): UseQueryResult<Read> {
  return useQuery(descriptionQuery(place, announced));
}
