// What an operation has answered, and the way to what it made.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Place } from "../../api/operations";
import { at } from "../../contract/pointer";
import type { Description, Operation } from "../../contract/types";
import { columnsOf } from "../../ui/format";
import { CopyButton } from "../../ui/kit";
import Table from "../../ui/table/Table";
import { FactList } from "../small";
import { itemPath } from "../TableView";

function opened(operation: Operation, data: unknown, place: Place): { to: string; key: string } | undefined {
  if (!operation.then) return undefined;
  const key = at(data, operation.then.key);
  return key === undefined ? undefined : { to: itemPath(place, operation.then.open, key), key: String(key) };
}

export function Success({ operation, data, place }: { operation: Operation; data: unknown; place: Place }): ReactNode {
  const found = opened(operation, data, place);
  return (
    <span>
      {operation.title}: done.{" "}
      {found ? (
        <Link to={found.to}>
          Open <code>{found.key}</code>
        </Link>
      ) : null}
    </span>
  );
}

export function Result({ data, operation, place, description, open: go }: { data: unknown; operation: Operation; place: Place; description: Description; open: (to: string) => void }): ReactNode {
  const found = opened(operation, data, place);
  const list = operation.result === "table" ? firstList(data) : undefined;
  return (
    <section className="card stack" aria-label="Result">
      <div className="card-head">
        <h2>Result</h2>
        <CopyButton text={JSON.stringify(data, null, 2)} label="Copy as JSON" />
      </div>
      {found ? (
        <p>
          <button type="button" className="button primary" onClick={() => go(found.to)}>
            Open {description.resources[operation.then?.open ?? ""]?.title.toLowerCase() ?? "it"}
          </button>
        </p>
      ) : null}
      {list ? (
        <Table label="Result" rows={list} columns={columnsOf(list)} keyOf={(row) => JSON.stringify(row)} />
      ) : (
        <FactList data={data} />
      )}
    </section>
  );
}

function firstList(data: unknown): unknown[] | undefined {
  if (Array.isArray(data)) return data as unknown[];
  if (data !== null && typeof data === "object") return Object.values(data).find((each): each is unknown[] => Array.isArray(each));
  return undefined;
}
