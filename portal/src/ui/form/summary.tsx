// What is wrong with a form as a whole: a list whose entries lead to their fields.

import type { ErrorListProps, RJSFValidationError } from "@rjsf/utils";
import type { ReactNode } from "react";
import { words } from "../format";

export function Errors({ errors }: ErrorListProps): ReactNode {
  return (
    <div className="notice bad" role="alert" tabIndex={-1} data-summary>
      <strong>{errors.length === 1 ? "One field needs attention" : `${errors.length} fields need attention`}</strong>
      <ul>
        {errors.map((error, index) => {
          const path = (error.property ?? "").replace(/^\./, "");
          const id = path ? `root_${path.split(".").join("_")}` : "root";
          return (
            <li key={index}>
              <a
                href={`#${id}`}
                onClick={(event) => {
                  event.preventDefault();
                  focusField(id);
                }}
              >
                {path ? titleFor(error, path) : "Form"}
              </a>{" "}
              {error.message}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function titleFor(error: RJSFValidationError, path: string): string {
  return error.title ?? words(path.split(".").at(-1) ?? path);
}

export function focusField(id: string): void {
  const element = document.getElementById(id);
  element?.closest("details")?.setAttribute("open", "");
  const target = element?.matches("input, select, textarea, button") ? element : element?.querySelector<HTMLElement>("input, select, textarea, button");
  target?.focus();
  target?.scrollIntoView({ block: "center" });
}
