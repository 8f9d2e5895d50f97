import type { ReactNode } from "react";

/** Stands where the form library expects a Markdown renderer: what edges write stays plain text. */
export function Markdown({ children }: { children?: ReactNode }): ReactNode {
  return <span className="plain">{children}</span>;
}
