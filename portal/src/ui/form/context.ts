// What the parts of a form have to know of where it stands.

import { createContext } from "react";
import type { Place } from "../../api/operations";
import type { Description } from "../../contract/types";

export interface Around {
  place?: Place;
  description?: Description;
  submitLabel: string;
  busy: boolean;
  disabled: boolean;
}

export const Surroundings = createContext<Around>({ submitLabel: "Submit", busy: false, disabled: false });
