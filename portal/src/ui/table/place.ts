// Where one was in a long table, kept in the address: coming back leads to the same rows.

import type { Virtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { Asked } from "./pick";

/** Begin at the row that the address names, and return what to call when the table was scrolled. */
export function usePlace(virtual: Virtualizer<HTMLDivElement, Element>, height: number, asked: Asked, ask: (change: Asked) => void, count: number): () => void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const begun = useRef(false);
  const wanted = Number(asked.row ?? 0);
  useEffect(() => {
    if (begun.current || count === 0) return;
    begun.current = true;
    if (wanted > 0) virtual.scrollToIndex(wanted, { align: "start" });
  }, [count, wanted, virtual]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const first = Math.round((virtual.scrollOffset ?? 0) / height);
      if (first !== wanted) ask({ row: first > 0 ? String(first) : undefined });
    }, 300);
  };
}
