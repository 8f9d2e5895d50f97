// The hints of an operation, fitted to its schema, as the form library reads them.

import type { UiSchema } from "@rjsf/utils";
import { tokens } from "../../contract/pointer";
import type { Operation, Schema } from "../../contract/types";
import { words } from "../format";

/** Turn hints by pointer into what the form library reads. */
export function uiSchemaOf(operation: Operation): UiSchema {
  const root: Record<string, unknown> = {};
  const ui = operation.ui ?? {};
  const node = (pointer: string): Record<string, unknown> => {
    let found = root;
    for (const token of tokens(pointer)) {
      const name = token === "*" ? "items" : token;
      if (name === "__proto__") return {};
      if (!Object.hasOwn(found, name)) found[name] = {};
      found = found[name] as Record<string, unknown>;
    }
    return found;
  };
  if (ui.order) root["ui:order"] = ui.order.includes("*") ? ui.order : [...ui.order, "*"];
  for (const name of ui.advanced ?? []) node(name.startsWith("/") ? name : `/${name}`)["ui:advanced"] = true;
  for (const [pointer, hint] of Object.entries(ui.fields ?? {})) {
    const at_ = node(pointer);
    if (hint.title) at_["ui:title"] = hint.title;
    if (hint.placeholder) at_["ui:placeholder"] = hint.placeholder;
    if (hint.help) at_["ui:help"] = hint.help;
    if (hint.widget) at_["ui:widget"] = hint.widget;
    if (hint.advanced) at_["ui:advanced"] = true;
    if (hint.choices) {
      at_["ui:widget"] = "FromOperation";
      at_["ui:options"] = { choices: hint.choices };
    }
  }
  return root as UiSchema;
}

/** Leave out hints for fields that are not there, hide constants, and mask what is secret. */
export function fitted(schema: Schema, ui: Record<string, unknown>, root: Schema = schema, depth = 0): Record<string, unknown> {
  const required = Array.isArray(schema.required) ? (schema.required as string[]) : [];
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(ui)) if (key.startsWith("ui:") || key === "items" || Object.hasOwn(properties, key)) out[key] = value;
  const order = out["ui:order"];
  if (Array.isArray(order)) out["ui:order"] = order.filter((name) => name === "*" || Object.hasOwn(properties, name as string));
  for (const [name, each] of Object.entries(properties)) {
    let own = { ...((out[name] as object | undefined) ?? {}) } as Record<string, unknown>;
    const ref = typeof each.$ref === "string" ? (root.$defs as Record<string, Schema> | undefined)?.[each.$ref.replace("#/$defs/", "")] : each;
    if (ref?.properties !== undefined) {
      if (depth < 6) own = fitted(ref, own, root, depth + 1);
      // Optional objects are added by whoever wants them: what is required in them is required only then.
      if (!required.includes(name)) own["ui:enableOptionalDataFieldForType"] = ["object"];
    }
    for (const key of ["anyOf", "oneOf"]) {
      const branches = each[key];
      // The field has its label already; a plain value of one kind or another needs no second one.
      if (Array.isArray(branches)) own[key] = (branches as Schema[]).map((branch) => (branch.type === "object" || branch.type === "array" || branch.$ref ? {} : { "ui:options": { label: false } }));
    }
    if (each.const !== undefined) own["ui:widget"] = "hidden";
    if (each.format === "password" || each.writeOnly === true) own["ui:widget"] = "password";
    if (Object.keys(own).length) out[name] = own;
  }
  return out;
}

/** Return the title of the field that a problem is about. */
export function titleIn(schema: Schema, property: string): string {
  const definitions = schema.$defs as Record<string, Schema> | undefined;
  let found: Schema | undefined = schema;
  let title = "";
  for (const name of property.split(".").filter(Boolean)) {
    const ref = typeof found?.$ref === "string" ? definitions?.[found.$ref.replace("#/$defs/", "")] : undefined;
    const properties: Record<string, Schema> = { ...(ref?.properties as object), ...(found?.properties as object) } as never;
    found = Object.hasOwn(properties, name) ? properties[name] : undefined;
    title = typeof found?.title === "string" ? found.title : words(name);
  }
  return title;
}
