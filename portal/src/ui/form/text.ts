import type { ReactNode } from "react";

export function firstParagraph(description: ReactNode): ReactNode {
  return typeof description === "string" ? description.split(/\n\s*\n/)[0]?.replace(/``/g, "") : description;
}
