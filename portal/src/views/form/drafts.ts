// What a form begins with, and what is kept of it while it is not sent.

import type { Record_, Schema } from "../../contract/types";

/** Put in the objects that must be there, so that what is missing in them is told at its own field. */
export function withRequired(schema: Schema, value: Record_, root: Schema = schema, depth = 0): Record_ {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const out: Record_ = { ...value };
  for (const name of Array.isArray(schema.required) ? (schema.required as string[]) : []) {
    let each = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (typeof each?.$ref === "string") each = (root.$defs as Record<string, Schema> | undefined)?.[each.$ref.replace("#/$defs/", "")];
    if (!each || depth > 8 || (each.type !== "object" && each.properties === undefined)) continue;
    const inner = out[name];
    if (inner === undefined || (inner !== null && typeof inner === "object" && !Array.isArray(inner))) out[name] = withRequired(each, (inner ?? {}) as Record_, root, depth + 1);
  }
  return out;
}

/** Fields that are secret are never kept, copied or shown again, however deep they lie. */
export function withoutSecrets(value: Record_, schema: Schema, root: Schema = schema, depth = 0): Record_ {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const out: Record_ = {};
  for (const [name, each] of Object.entries(value)) {
    let own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (typeof own?.$ref === "string") own = (root.$defs as Record<string, Schema> | undefined)?.[own.$ref.replace("#/$defs/", "")];
    if (own?.format === "password" || own?.writeOnly === true) continue;
    const nested = own && depth < 8 && each !== null && typeof each === "object" && !Array.isArray(each);
    out[name] = nested ? withoutSecrets(each as Record_, own as Schema, root, depth + 1) : each;
  }
  return out;
}

export function draftName(plugin: string, operation: string): string {
  return `edge.draft.${plugin}.${operation}`;
}

export function draft(name: string): Record_ | undefined {
  try {
    const kept = sessionStorage.getItem(name);
    const found: unknown = kept === null ? undefined : JSON.parse(kept);
    return found !== null && typeof found === "object" && !Array.isArray(found) ? (found as Record_) : undefined;
  } catch {
    return undefined;
  }
}

/** Give the form of an operation something to begin with. */
export function keepDraft(plugin: string, name: string, value: Record_): void {
  try {
    sessionStorage.setItem(draftName(plugin, name), JSON.stringify(value));
  } catch {
    // No storage: the form begins empty.
  }
}
