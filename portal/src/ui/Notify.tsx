import type { ReactNode } from "react";
import { canNotify, unwatch, watch, type Watched, watchName, useWatched } from "../api/watch";
import { Icon, toast } from "./kit";

/** Asks the browser to tell when an item ends; the permission is asked for on the click, never before. */
export function NotifyButton(item: Watched): ReactNode {
  const name = watchName(item);
  const watching = useWatched(name);
  if (!canNotify() || !item.resource.live || !item.resource.state?.final?.length) return null;
  const toggle = async () => {
    if (watching) unwatch(name);
    else if (!(await watch(item))) toast("bad", "This browser does not let the portal show notifications.");
  };
  return (
    <button type="button" className="button" aria-pressed={watching} onClick={() => void toggle()}>
      <Icon name="bell" /> {watching ? "Will tell you" : "Tell me when it ends"}
    </button>
  );
}
