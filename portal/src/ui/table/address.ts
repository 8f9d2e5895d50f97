// What a table is asked for stands in the address, so that it can be kept, sent, and come back to.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import type { Asked } from "./pick";

export function useAsked(): [Asked, (change: Asked) => void] {
  const asked = useSearch({ strict: false }) as Asked;
  const navigate = useNavigate();
  const ask = useCallback(
    (change: Asked) => void navigate({ to: ".", search: (before: Asked) => clean({ ...before, ...change }), replace: true, resetScroll: false } as never),
    [navigate],
  );
  return [asked, ask];
}

function clean(asked: Asked): Asked {
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined && value !== ""));
}
