import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Page } from "../ui/kit";

export default function NotFound(): ReactNode {
  return (
    <Page title="Page not found">
      <div className="card empty">
        <p>There is nothing at this address.</p>
        <Link className="button primary" to="/">
          Go to the edges
        </Link>
      </div>
    </Page>
  );
}

export function NotThere({ what, name, back = "/" }: { what: string; name: string; back?: string }): ReactNode {
  return (
    <Page title={`No ${what} “${name}”`}>
      <div className="card empty">
        <p>
          There is no {what} called <code>{name}</code>, or you may not see it.
        </p>
        <Link className="button primary" to={back}>
          {back === "/" ? "Go to the edges" : "Go back"}
        </Link>
      </div>
    </Page>
  );
}
