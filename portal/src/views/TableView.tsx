import { Link, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Place } from "../api/operations";
import { at } from "../contract/pointer";
import type { Description, FormView, Resource, TableView as View } from "../contract/types";
import { ErrorCard, Skeleton, Stale } from "../ui/kit";
import Table from "../ui/table/Table";
import { useActions } from "./actions";
import { useItems } from "./resource";

export function itemPath(place: Place, resource: string, key: unknown): string {
  return `/ui/e/${encodeURIComponent(place.edge)}/${encodeURIComponent(place.plugin)}/r/${encodeURIComponent(resource)}/${encodeURIComponent(String(key))}`;
}

export default function TableView({ view, place, description }: { view: View; place: Place; description: Description }): ReactNode {
  const resource = description.resources[view.resource] as Resource;
  const items = useItems(place, description, resource);
  const actions = useActions({ place, description, resource });
  const navigate = useNavigate();
  const form = description.views.find(
    (each): each is FormView => each.kind === "form" && description.operations[each.operation]?.then?.open === view.resource,
  );
  if (items.isPending) return <Skeleton lines={6} />;
  if (items.error && !items.data) return <ErrorCard error={items.error} title={`${view.title ?? resource.title} can’t be read`} again={() => void items.refetch()} />;
  return (
    <Stale since={items.dataUpdatedAt}>
      {actions.dialog}
      <Table
        label={view.title ?? resource.title}
        rows={items.data ?? []}
        columns={view.columns}
        keyOf={(row) => String(at(row, resource.key))}
        {...(resource.state ? { state: resource.state } : {})}
        {...(resource.get ? { open: (row: unknown) => void navigate({ to: itemPath(place, view.resource, at(row, resource.key)) }) } : {})}
        {...(actions.any ? { actions: (row: unknown) => actions.buttons(row) } : {})}
        {...(actions.any && resource.actions?.some((each) => each.bulk) ? { bulk: actions.bulk } : {})}
        empty={
          <div className="empty">
            <h2>Nothing here yet</h2>
            {form ? (
              <Link className="button primary" to={`/ui/e/${place.edge}/${place.plugin}/${form.id}`}>
                {description.operations[form.operation]?.title}
              </Link>
            ) : null}
          </div>
        }
      />
    </Stale>
  );
}
