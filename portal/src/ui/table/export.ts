// What is shown, as a file.

import { at } from "../../contract/pointer";
import type { Column } from "../../contract/types";
import { labelOf } from "../format";

/** Write rows as CSV; what a spreadsheet would take for a formula is defused. */
export function toCsv(rows: unknown[], columns: Column[]): string {
  const quote = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) && !/^-?\d+([.,]\d+)?$/.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;
  const head = columns.map((column) => quote(labelOf(column))).join(",");
  const body = rows.map((row) =>
    columns
      .map((column) => {
        const value = at(row, column.field);
        return quote(value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
      })
      .join(","),
  );
  return [head, ...body].join("\r\n");
}

export function save(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\w.-]+/g, "-").toLowerCase();
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
