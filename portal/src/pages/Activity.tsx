import { useQueries } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { descriptionQuery } from "../api/descriptions";
import { useTopology } from "../api/events";
import type { Place } from "../api/operations";
import { at } from "../contract/pointer";
import type { Column, Description, Resource, Tone } from "../contract/types";
import { Page, Skeleton } from "../ui/kit";
import Table from "../ui/table/Table";
import { itemsQuery, useLiveItems } from "../views/resource";
import { itemPath } from "../views/TableView";

interface Source {
  place: Place;
  description: Description;
  name: string;
  resource: Resource;
}

const COLUMNS: Column[] = [
  { field: "/state", label: "State", priority: 1 },
  { field: "/what", label: "What", format: "code", priority: 1 },
  { field: "/id", label: "Id", format: "code", priority: 3 },
  { field: "/edge", label: "Edge", priority: 2 },
  { field: "/kind", label: "Kind", priority: 4 },
  { field: "/time", label: "Begun", format: "time", priority: 3 },
];
const FACETS = ["/edge", "/kind"];

export default function Activity(): ReactNode {
  const topology = useTopology();
  const navigate = useNavigate();
  const plugins = Object.entries(topology?.edges ?? {}).flatMap(([edge, about]) => Object.entries(about.plugins).map(([plugin, announced]) => ({ place: { edge, plugin }, announced })));
  const described = useQueries({ queries: plugins.map(({ place, announced }) => descriptionQuery(place, announced)) });
  const sources: Source[] = described.flatMap((found, index) =>
    Object.entries(found.data?.description.resources ?? {})
      // What has a course in time is activity; nodes and allocations are not.
      .filter(([, resource]) => resource.timeline?.length && found.data?.description.operations[resource.list]?.effect === "read")
      .map(([name, resource]) => ({ place: plugins[index]?.place as Place, description: found.data?.description as Description, name, resource })),
  );
  const lists = useQueries({ queries: sources.map(({ place, description, resource }) => itemsQuery(place, description, resource)) });
  const stamp = lists.map((each) => each.dataUpdatedAt).join();
  const rows = useMemo(
    () =>
      sources
        .flatMap((source, index) => ((lists[index]?.data as unknown[] | undefined) ?? []).map((item) => rowOf(source, item)))
        .sort((a, b) => (b.time ?? 0) - (a.time ?? 0)),
    // biome-ignore lint: the time stamps stand for the lists
    [stamp, sources.length],
  );
  const tones: Record<string, Tone> = Object.assign({}, ...sources.map((source) => source.resource.state?.tone ?? {}));
  const waiting = !topology || described.some((each) => each.isLoading) || lists.some((each) => each.isLoading);
  const failed = lists.filter((each) => each.error).length;
  return (
    <Page title="Activity" lead="Everything of yours that runs or ran, on every edge, newest first">
      {sources.map((source) => (
        <Live key={`${source.place.edge}/${source.place.plugin}/${source.name}`} {...source} />
      ))}
      {failed ? <p className="notice">{failed === 1 ? "One list" : `${failed} lists`} can’t be read at the moment.</p> : null}
      {waiting && rows.length === 0 ? (
        <Skeleton lines={6} />
      ) : (
        <Table
          label="Activity"
          rows={rows}
          columns={COLUMNS}
          keyOf={(row) => (row as Row).key}
          state={{ field: "/state", tone: tones }}
          facets={FACETS}
          open={(row) => void navigate({ to: (row as Row).to })}
          empty={
            <div className="empty">
              <h2>Nothing has run yet</h2>
              <p>Jobs and tasks of all edges show here as soon as there are any.</p>
            </div>
          }
        />
      )}
    </Page>
  );
}

interface Row {
  key: string;
  state: string;
  what: string;
  id: string;
  edge: string;
  kind: string;
  time: number | undefined;
  to: string;
}

function rowOf({ place, description, name, resource }: Source, item: unknown): Row {
  const id = String(at(item, resource.key));
  const begun = (resource.timeline ?? []).map((step) => at(item, step.field)).find((value): value is number => typeof value === "number");
  return {
    key: `${place.edge}/${place.plugin}/${name}/${id}`,
    state: resource.state ? String(at(item, resource.state.field)) : "–",
    what: resource.label ? String(at(item, resource.label) ?? "") : id,
    id,
    edge: place.edge,
    kind: `${description.plugin.title} › ${resource.title}`,
    time: begun,
    to: resource.get ? itemPath(place, name, id) : `/ui/e/${encodeURIComponent(place.edge)}/${encodeURIComponent(place.plugin)}`,
  };
}

function Live({ place, description, resource }: Source): ReactNode {
  useLiveItems(place, description, resource);
  return null;
}
