import type { ReactNode } from "react";
import { open, type Place } from "../api/operations";
import type { Description, LogView as View, Operation } from "../contract/types";
import Log from "../ui/log/Log";

export default function LogView({ view, place, description }: { view: View; place: Place; description: Description }): ReactNode {
  const operation = description.operations[view.operation] as Operation;
  return <Log label={view.title ?? operation.title} resumes={false} open={(_offset, signal) => open(place, operation, view.input ?? {}, signal)} />;
}
