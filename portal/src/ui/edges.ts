import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useEffect } from "react";
import { get } from "../api/client";
import { useTopology } from "../api/events";

export interface EdgeRow {
  name: string;
  plugins: string[];
  plugin_count: number;
  connected: boolean;
  suspect: boolean;
  since: number;
  host: string | null;
  version: string | null;
  clock_skew_s: number | null;
  reason: string | null;
}

/** Every edge that ever joined; read again whenever the topology changes. */
export function useEdges(): UseQueryResult<{ edges: EdgeRow[]; total: number }> {
  const client = useQueryClient();
  const topology = useTopology();
  useEffect(() => {
    if (topology) void client.invalidateQueries({ queryKey: ["edges"] });
  }, [client, topology]);
  return useQuery({ queryKey: ["edges"], queryFn: ({ signal }) => get<{ edges: EdgeRow[]; total: number }>("/edges", { signal }), staleTime: 10_000 });
}
