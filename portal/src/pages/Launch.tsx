import { useQueries } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { descriptionQuery } from "../api/descriptions";
import { useTopology } from "../api/events";
import type { Description } from "../contract/types";
import { Boundary, Command, Page } from "../ui/kit";
import FormView from "../views/FormView";
import { edgeCommand } from "./Edges";

/** Finds what can start edges by what plugins say of their operations, never by a plugin's name. */
export default function Launch(): ReactNode {
  const topology = useTopology();
  const plugins = Object.entries(topology?.edges ?? {}).flatMap(([edge, about]) => Object.entries(about.plugins).map(([plugin, announced]) => ({ place: { edge, plugin }, announced })));
  const described = useQueries({ queries: plugins.map(({ place, announced }) => descriptionQuery(place, announced)) });
  const found = described.flatMap((each, index) =>
    Object.entries(each.data?.description.operations ?? {})
      .filter(([, operation]) => operation.ui?.purpose === "launch")
      .map(([name, operation]) => ({ place: plugins[index]?.place, description: each.data?.description as Description, name, operation })),
  );
  return (
    <Page title="Launch an edge" lead="Start an edge on another machine or cluster">
      {found.map(({ place, description, name, operation }) =>
        place ? (
          <section key={`${place.edge}/${place.plugin}/${name}`} className="stack" aria-label={operation.title}>
            <h2>
              {operation.title} <span className="muted small">through {place.edge}</span>
            </h2>
            <Boundary>
              <FormView name={name} place={place} description={description} />
            </Boundary>
          </section>
        ) : null,
      )}
      <section className="card stack" aria-labelledby="by-hand">
        <h2 id="by-hand">By hand</h2>
        <ol className="stack tight">
          <li>
            <p>On the resource, install core and the plugins that you want there:</p>
            <Command text="python3 -m venv edge && edge/bin/pip install radical-edge-core" />
          </li>
          <li>
            <p>Copy the bridge’s join token there, into a file that only you can read:</p>
            <Command text="install -m 600 /dev/null join.token && cat > join.token" />
          </li>
          <li>
            <p>Start the edge; it dials out to the bridge and appears here by itself:</p>
            <Command text={`edge/bin/${edgeCommand(topology?.bridge.url ?? location.origin)}`} />
          </li>
        </ol>
      </section>
    </Page>
  );
}
