// From what one plugin shows to a form of another on the same edge: found by its purpose, never by a name.

import { useQueries } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { descriptionQuery } from "../api/descriptions";
import { useTopology } from "../api/events";
import type { Place } from "../api/operations";
import { at, put } from "../contract/pointer";
import type { GaugeView, Record_ } from "../contract/types";
import { draft, draftName, keepDraft } from "./form/drafts";

export interface Lead {
  title: string;
  follow: (row: unknown) => void;
}

/** Return the way to the form that a view leads to; `undefined` where the edge has none. Nothing is sent by going there. */
export function useLead(place: Place, leads: GaugeView["leads"]): Lead | undefined {
  const topology = useTopology();
  const navigate = useNavigate();
  const plugins = leads ? Object.entries(topology?.edges[place.edge]?.plugins ?? {}) : [];
  const described = useQueries({ queries: plugins.map(([plugin, announced]) => descriptionQuery({ edge: place.edge, plugin }, announced)) });
  if (!leads) return undefined;
  for (const [index, found] of described.entries()) {
    const plugin = plugins[index]?.[0] ?? "";
    for (const [name, operation] of Object.entries(found.data?.description.operations ?? {})) {
      const accepts = operation.ui?.accepts ?? {};
      if (operation.ui?.purpose !== leads.purpose || !Object.keys(leads.give).every((what) => Object.hasOwn(accepts, what))) continue;
      const form = found.data?.description.views.find((view) => view.kind === "form" && view.operation === name);
      const base = `/ui/e/${encodeURIComponent(place.edge)}/${encodeURIComponent(plugin)}`;
      return {
        title: operation.title,
        follow: (row) => {
          let input: Record_ = draft(draftName(plugin, name)) ?? {};
          for (const [what, pointer] of Object.entries(leads.give)) input = put(input, accepts[what] as string, at(row, pointer));
          keepDraft(plugin, name, input);
          void navigate(form ? { to: `${base}/${form.id}` } : ({ to: `${base}/-`, search: { op: name } } as never));
        },
      };
    }
  }
  return undefined;
}
