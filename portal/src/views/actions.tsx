import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { newKey } from "../api/client";
import { useLive } from "../api/events";
import { call, type Place } from "../api/operations";
import { holds } from "../contract/conditions";
import { at } from "../contract/pointer";
import type { Action, Description, Operation, Resource } from "../contract/types";
import { type Question, toast, toastError, useConfirm } from "../ui/kit";
import { inputFor } from "./resource";

/** What is asked before an operation that destroys; the heading and the target are the portal's words. */
export function questionFor(place: Place, name: string, operation: Operation, input: Record<string, unknown>, count = 1): Question {
  const named = operation.confirm?.retype ? at(input, operation.confirm.retype) : undefined;
  const target = Object.entries(input)
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([key, value]) => `${key} ${String(value)}`)
    .join(", ");
  return {
    title: count > 1 ? `${name} for ${count} items?` : `${name}?`,
    confirm: operation.title,
    text: (
      <div className="stack tight">
        <p>
          “{operation.title}” runs on edge <strong>{place.edge}</strong>, plugin <strong>{place.plugin}</strong>
          {target && count === 1 ? (
            <>
              , for <code>{target}</code>
            </>
          ) : null}
          . This can’t be undone.
        </p>
        {operation.confirm?.text ? <p className="muted">{operation.confirm.text}</p> : null}
      </div>
    ),
    ...(typeof named === "string" && count === 1 && named.length <= 24 ? { retype: named } : {}),
  };
}

interface Props {
  place: Place;
  description: Description;
  resource: Resource;
}

export function useActions({ place, description, resource }: Props): {
  dialog: ReactNode;
  buttons: (item: unknown, small?: boolean) => ReactNode;
  bulk: (items: unknown[]) => ReactNode;
  any: boolean;
} {
  const [dialog, ask] = useConfirm();
  const client = useQueryClient();
  const live = useLive();
  const [busy, setBusy] = useState(false);
  const actions = (resource.actions ?? []).filter((action) => Object.hasOwn(description.operations, action.operation));

  const run = async (action: Action, items: unknown[]) => {
    const operation = description.operations[action.operation] as Operation;
    const first = inputFor(operation, items[0], action.args);
    if (operation.effect === "destructive" && !(await ask(questionFor(place, action.operation, operation, first, items.length)))) return;
    setBusy(true);
    try {
      for (const item of items) await call(place, operation, inputFor(operation, item, action.args), { key: newKey() });
      toast("ok", items.length > 1 ? `${operation.title}: asked for ${items.length} items` : `${operation.title}: asked`);
      void client.invalidateQueries({ queryKey: ["op", place.edge, place.plugin] });
    } catch (error) {
      toastError(error, operation.title);
    } finally {
      setBusy(false);
    }
  };

  const button = (action: Action, items: unknown[], small: boolean) => {
    const operation = description.operations[action.operation] as Operation;
    return (
      <button
        key={action.operation}
        type="button"
        className={`button${small ? " small" : ""}${operation.effect === "destructive" ? " danger" : ""}`}
        disabled={!live || busy}
        onClick={() => void run(action, items)}
      >
        {action.title ?? operation.title}
        {items.length > 1 ? ` (${items.length})` : ""}
      </button>
    );
  };
  return {
    dialog,
    any: actions.length > 0,
    buttons: (item, small = true) => actions.filter((action) => holds(action.when, item)).map((action) => button(action, [item], small)),
    bulk: (items) =>
      actions
        .filter((action) => action.bulk)
        .map((action) => [action, items.filter((item) => holds(action.when, item))] as const)
        .filter(([, able]) => able.length > 0)
        .map(([action, able]) => button(action, able, true)),
  };
}
