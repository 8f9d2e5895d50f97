// JSON Pointer (RFC 6901) over data that nobody vouches for: own properties only.

export function tokens(pointer: string): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw new Error(`not a JSON Pointer: ${pointer.slice(0, 80)}`);
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replace(/~1/g, "/").replace(/~0/g, "~"));
}

/** Return what a pointer names, `undefined` where there is nothing. */
export function at(data: unknown, pointer: string): unknown {
  let found: unknown = data;
  let parts: string[];
  try {
    parts = tokens(pointer);
  } catch {
    return undefined;
  }
  for (const part of parts) {
    if (found === null || typeof found !== "object" || !Object.hasOwn(found, part)) return undefined;
    found = (found as Record<string, unknown>)[part];
  }
  return found;
}

/** The last token of a pointer: the field's own name. */
export function leaf(pointer: string): string {
  return tokens(pointer).at(-1) ?? "";
}

/** Return an object with a value at the place that a pointer names; what is on the way is made. */
export function put(target: Record<string, unknown>, pointer: string, value: unknown): Record<string, unknown> {
  return putAt(target, tokens(pointer), value);
}

function putAt(target: Record<string, unknown>, [first, ...rest]: string[], value: unknown): Record<string, unknown> {
  if (first === undefined || first === "__proto__") return target;
  const inner = Object.hasOwn(target, first) ? target[first] : undefined;
  const under = inner !== null && typeof inner === "object" && !Array.isArray(inner) ? (inner as Record<string, unknown>) : {};
  return { ...target, [first]: rest.length ? putAt(under, rest, value) : value };
}
