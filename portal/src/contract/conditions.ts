import { at } from "./pointer";
import type { Condition } from "./types";

/** Say whether a condition holds for some data; what is no condition never holds. */
export function holds(condition: Condition | undefined, data: unknown): boolean {
  if (condition === undefined) return true;
  if ("field" in condition) {
    const value = at(data, condition.field);
    return Array.isArray(condition.in) && condition.in.some((each) => each === value);
  }
  if ("all" in condition) return condition.all.every((each) => holds(each, data));
  if ("any" in condition) return condition.any.some((each) => holds(each, data));
  if ("not" in condition) return !holds(condition.not, data);
  return false;
}
