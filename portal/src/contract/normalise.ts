// Schemas come from edges: what could lead elsewhere or never end is taken out before anything reads them.

import type { Schema } from "./types";

export class ContractError extends Error {}

const DEPTH = 24;
const KEPT = new Set([
  "type", "title", "description", "default", "enum", "const", "format", "minimum", "maximum", "exclusiveMinimum",
  "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "required",
  "minProperties", "maxProperties", "writeOnly", "examples", "contentEncoding",
]);
const REF = /^#\/\$defs\/([A-Za-z0-9_.-]+)$/;
const NAMES: Record<string, string> = {
  string: "Text", integer: "Whole number", number: "Number", boolean: "Yes or no", object: "Object", array: "List",
};

/** Return a schema that stands alone, with the definitions it needs. */
export function normalise(schema: unknown, definitions: Record<string, unknown>): Schema {
  const made: Record<string, Schema> = {};
  const waiting: string[] = [];

  const reference = (ref: unknown): string => {
    const name = typeof ref === "string" ? REF.exec(ref)?.[1] : undefined;
    if (name === undefined || !Object.hasOwn(definitions, name)) {
      throw new ContractError(`the schema refers to ${String(ref).slice(0, 120)}, which is not in this description`);
    }
    if (!Object.hasOwn(made, name)) {
      made[name] = {};
      waiting.push(name);
    }
    return `#/$defs/${name}`;
  };

  const walk = (given: unknown, depth: number): Schema => {
    if (depth > DEPTH) throw new ContractError(`the schema is nested more than ${DEPTH} levels deep`);
    if (given === true || given === undefined) return {};
    if (given === false) return { not: {} };
    if (given === null || typeof given !== "object" || Array.isArray(given)) {
      throw new ContractError("a schema is neither an object nor a boolean");
    }
    const source = given as Schema;
    const out: Schema = {};
    for (const key of Object.keys(source)) {
      if (KEPT.has(key)) out[key] = source[key];
    }
    if (out.default === null) delete out.default;
    if (typeof source.pattern === "string" && harmless(source.pattern)) out.pattern = source.pattern;
    if (source.$ref !== undefined) out.$ref = reference(source.$ref);
    if (Array.isArray(source.type) && source.type.includes("null")) {
      const rest = source.type.filter((each) => each !== "null");
      out.type = rest.length === 1 ? rest[0] : rest;
    }
    const properties = source.properties;
    if (properties !== null && typeof properties === "object") {
      const kept: Record<string, Schema> = Object.create(null) as Record<string, Schema>;
      for (const [name, each] of Object.entries(properties as object)) {
        if (name !== "__proto__") kept[name] = walk(each, depth + 1);
      }
      out.properties = { ...kept };
    }
    if (source.items !== undefined) out.items = walk(source.items, depth + 1);
    if (Array.isArray(source.prefixItems)) out.prefixItems = source.prefixItems.map((each) => walk(each, depth + 1));
    if (source.additionalProperties !== undefined) {
      out.additionalProperties =
        typeof source.additionalProperties === "boolean"
          ? source.additionalProperties
          : walk(source.additionalProperties, depth + 1);
    }
    if (Array.isArray(source.allOf)) out.allOf = source.allOf.map((each) => walk(each, depth + 1));
    for (const key of ["anyOf", "oneOf"] as const) {
      const branches = source[key];
      if (!Array.isArray(branches)) continue;
      const rest = branches.filter((each) => !isNull(each)).map((each) => walk(each, depth + 1));
      if (rest.length === 1) {
        const { title, description, ...only } = rest[0] as Schema;
        Object.assign(out, only);
        out.title ??= title;
        out.description ??= description;
        for (const name of ["title", "description"]) if (out[name] === undefined) delete out[name];
      } else {
        out[key] = rest.map((each) =>
          each.title === undefined && typeof each.type === "string" ? { ...each, title: NAMES[each.type] } : each,
        );
      }
    }
    return out;
  };

  const root = walk(schema, 0);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) made[name] = walk(definitions[name], 1);
  return Object.keys(made).length ? { ...root, $defs: made } : root;
}

function isNull(schema: unknown): boolean {
  return schema !== null && typeof schema === "object" && (schema as Schema).type === "null";
}

/** Say whether a regular expression can't hang the page: short, no groups, at most one open-ended quantifier. */
export function harmless(pattern: string): boolean {
  if (pattern.length > 120) return false;
  const plain = pattern.replace(/\\./g, "x").replace(/\[[^\]]*\]/g, "x");
  if (/[()]/.test(plain)) return false;
  if ((plain.match(/[*+]|\{\d*,\}/g) ?? []).length > 1) return false;
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false;
  }
}
