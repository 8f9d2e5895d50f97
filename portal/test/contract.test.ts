import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holds } from "../src/contract/conditions";
import { ContractError, harmless, normalise } from "../src/contract/normalise";
import { at, leaf, tokens } from "../src/contract/pointer";
import { LIMIT, read } from "../src/contract/read";
import { PortalValidator } from "../src/contract/validator";

describe("pointer", () => {
  it("finds what it names, escapes included", () => {
    expect(at({ a: { "b/c": [1, 2] } }, "/a/b~1c/1")).toBe(2);
    expect(at({ "~": 1 }, "/~0")).toBe(1);
    expect(at("whole", "")).toBe("whole");
    expect(leaf("/a/b_c")).toBe("b_c");
    expect(tokens("")).toEqual([]);
  });
  it("finds nothing where nothing is, and never what an object inherits", () => {
    for (const pointer of ["/nope", "/a/b/c", "/__proto__", "/constructor/name", "/a/toString", "no slash"]) {
      expect(at({ a: {} }, pointer)).toBeUndefined();
    }
    expect(at(null, "/a")).toBeUndefined();
  });
});

describe("conditions", () => {
  const data = { state: "ACTIVE", n: 1 };
  it("are fields in lists, and all, any and not of them", () => {
    expect(holds(undefined, data)).toBe(true);
    expect(holds({ field: "/state", in: ["ACTIVE"] }, data)).toBe(true);
    expect(holds({ field: "/state", in: ["DONE"] }, data)).toBe(false);
    expect(holds({ all: [{ field: "/n", in: [1] }, { not: { field: "/state", in: ["DONE"] } }] }, data)).toBe(true);
    expect(holds({ any: [{ field: "/n", in: [2] }, { field: "/state", in: ["ACTIVE"] }] }, data)).toBe(true);
    expect(holds({ any: [] }, data)).toBe(false);
  });
  it("do not hold where they are none", () => {
    expect(holds({} as never, data)).toBe(false);
    expect(holds({ field: "/n", in: "1" } as never, data)).toBe(false);
  });
});

describe("normalise", () => {
  it("makes an alternative with null an optional field", () => {
    const made = normalise({ type: "object", properties: { a: { anyOf: [{ type: "string", minLength: 1 }, { type: "null" }], default: null, title: "A" } } }, {});
    expect(made.properties).toEqual({ a: { type: "string", minLength: 1, title: "A" } });
  });
  it("brings the definitions that are used, and no others", () => {
    const made = normalise({ $ref: "#/$defs/A" }, { A: { properties: { b: { $ref: "#/$defs/B" } } }, B: { type: "string" }, C: {} });
    expect(Object.keys(made.$defs as object)).toEqual(["A", "B"]);
  });
  it("refuses what leads elsewhere", () => {
    for (const $ref of ["https://evil.example/x.json", "#/$defs/None", "other.json#/a", 7, "#/$defs/__proto__"]) {
      expect(() => normalise({ $ref }, {})).toThrow(ContractError);
    }
  });
  it("bears recursion by name, and refuses depth without end", () => {
    expect(normalise({ $ref: "#/$defs/T" }, { T: { type: "object", properties: { t: { $ref: "#/$defs/T" } } } }).$defs).toBeDefined();
    let deep: Record<string, unknown> = { type: "string" };
    for (let n = 0; n < 40; n += 1) deep = { type: "array", items: deep };
    expect(() => normalise(deep, {})).toThrow(/24 levels/);
  });
  it("drops what could do harm", () => {
    const made = normalise(
      JSON.parse('{"type":"object","$id":"http://x","patternProperties":{"(a+)+":{}},"$dynamicRef":"#x","properties":{"__proto__":{"type":"string"},"ok":{"type":"string","pattern":"^(a+)+$"},"fine":{"type":"string","pattern":"^[a-z]+$"}}}'),
      {},
    );
    expect(made.$id).toBeUndefined();
    expect(made.patternProperties).toBeUndefined();
    expect(made.$dynamicRef).toBeUndefined();
    expect(Object.keys(made.properties as object)).toEqual(["ok", "fine"]);
    expect((made.properties as Record<string, { pattern?: string }>).ok?.pattern).toBeUndefined();
    expect((made.properties as Record<string, { pattern?: string }>).fine?.pattern).toBe("^[a-z]+$");
  });
  it("knows harmless expressions", () => {
    expect(harmless("^[a-z]{1,20}$")).toBe(true);
    for (const pattern of ["(a+)+$", "a*b*", "x".repeat(200), "[", "^(?:a|b)$"]) expect(harmless(pattern)).toBe(false);
  });
});

describe("validator", () => {
  const validator = new PortalValidator();
  const schema = {
    type: "object",
    required: ["name"],
    additionalProperties: false,
    properties: {
      name: { type: "string", minLength: 1, maxLength: 4 }, n: { type: "integer", minimum: 1, maximum: 9, multipleOf: 2 },
      list: { type: "array", minItems: 1, maxItems: 2, uniqueItems: true, items: { type: "string" } }, kind: { enum: ["a", "b"] },
      over: { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 }, map: { type: "object", minProperties: 1, maxProperties: 1 },
      code: { type: "string", pattern: "^x$" }, one: { anyOf: [{ type: "string" }, { type: "number" }] }, is: { const: 5 },
      mail: { type: "string", format: "email" }, inner: { $ref: "#/$defs/I" },
    },
    $defs: { I: { type: "object", required: ["deep"], properties: { deep: { type: "integer", minimum: 3 } } } },
  } as never;
  const told = (data: unknown) => validator.validateFormData(data as never, schema).errors.map((each) => [each.property, each.message]);
  it("says nothing of what is right", () => expect(told({ name: "ab", n: 2 })).toEqual([]));
  const cases: [unknown, string, string][] = [
    [{}, ".name", "is required"],
    [{ name: "" }, ".name", "must not be empty"],
    [{ name: "abcde" }, ".name", "must have at most 4 characters"],
    [{ name: 1 }, ".name", "must be text"],
    [{ name: "a", n: 0 }, ".n", "must be at least 1"],
    [{ name: "a", n: 10 }, ".n", "must be at most 9"],
    [{ name: "a", n: 3 }, ".n", "must be a multiple of 2"],
    [{ name: "a", n: 2.5 }, ".n", "must be a whole number"],
    [{ name: "a", list: [] }, ".list", "needs at least 1 entries"],
    [{ name: "a", list: ["a", "b", "c"] }, ".list", "takes at most 2 entries"],
    [{ name: "a", list: ["a", "a"] }, ".list", "must not hold the same entry twice"],
    [{ name: "a", list: [1] }, ".list.0", "must be text"],
    [{ name: "a", kind: "c" }, ".kind", "must be one of a, b"],
    [{ name: "a", over: 0 }, ".over", "must be more than 0"],
    [{ name: "a", over: 1 }, ".over", "must be less than 1"],
    [{ name: "a", map: {} }, ".map", "needs at least 1 entries"],
    [{ name: "a", map: { a: 1, b: 2 } }, ".map", "takes at most 1 entries"],
    [{ name: "a", code: "y" }, ".code", "must match ^x$"],
    [{ name: "a", one: true }, ".one", "fits none of the alternatives"],
    [{ name: "a", is: 4 }, ".is", "must be 5"],
    [{ name: "a", mail: "no" }, ".mail", "must be a valid email"],
    [{ name: "a", inner: {} }, ".inner.deep", "is required"],
    [{ name: "a", inner: { deep: 1 } }, ".inner.deep", "must be at least 3"],
    [{ name: "a", more: 1 }, ".more", "is not a known field"],
  ];
  it.each(cases)("tells what is wrong with %j", (data, property, message) => expect(told(data)).toContainEqual([property, message]));
  it("resolves references of the root for parts of it", () => {
    expect(validator.isValid({ $ref: "#/$defs/I" } as never, { deep: 3 } as never, schema)).toBe(true);
    expect(validator.isValid({ $ref: "#/$defs/I" } as never, { deep: 1 } as never, schema)).toBe(false);
  });
});

describe("read", () => {
  const good = {
    contract: "radical.edge.ui/1",
    plugin: { name: "p", version: "1" },
    operations: {
      look: { title: "Look", path: "look/{sid}", method: "GET", effect: "read", input: {}, output: {} },
      act: { title: "Act", path: "act", method: "POST", effect: "write", input: {}, output: {} },
    },
    views: [
      { id: "a", kind: "form", operation: "look" },
      { id: "b", kind: "hologram", operation: "look" },
      { id: "c", kind: "form", operation: "missing" },
      { id: "d", kind: "facts", operation: "act" },
      { id: "e", kind: "plot", stream: "none", series: [{ field: "/x", label: "x" }] },
      { id: "f", kind: "form", operation: "look", onclick: "evil()" },
    ],
  };
  it("keeps what fits and names what does not", () => {
    const { description, problem, viewProblems } = read(JSON.stringify(good));
    expect(problem).toBeUndefined();
    expect(description.views.map((view) => viewProblems.has(view))).toEqual([false, true, true, true, true, true]);
  });
  it("shows operations as they are where the rest is no contract", () => {
    const { description, problem } = read(JSON.stringify({ ...good, contract: "other/9" }));
    expect(problem).toBeDefined();
    expect(Object.keys(description.operations)).toEqual(["look", "act"]);
    expect(description.views).toEqual([]);
  });
  it("refuses paths that leave the plugin", () => {
    for (const path of ["../edge", "/edge", "a//b", "https://x", "a/..", "a?b", "a%2fb", ""]) {
      const { description } = read(JSON.stringify({ ...good, operations: { look: { ...good.operations.look, path } } }));
      expect(description.operations).toEqual({});
    }
  });
  it("refuses what is too large, and what is no JSON", () => {
    expect(read("x".repeat(LIMIT + 1)).problem).toMatch(/256 KiB/);
    expect(read("{").problem).toBeDefined();
    expect(read("null").problem).toBeDefined();
  });
});

describe("the source", () => {
  const files = (folder: string): string[] => readdirSync(folder).flatMap((name) => (statSync(join(folder, name)).isDirectory() ? files(join(folder, name)) : [join(folder, name)]));
  it("names no plugin", () => {
    const named = /sysinfo|queue_info|psij|rhapsody|lucid|\bstaging\b|\bpilot\b|\bmcp\b/i;
    expect(files("src").filter((file) => named.test(readFileSync(file, "utf-8")))).toEqual([]);
  });
  it("writes no markup from text, and evaluates nothing", () => {
    const banned = /dangerouslySetInnerHTML|innerHTML|new Function|\beval\(|document\.write|insertAdjacentHTML/;
    expect(files("src").filter((file) => banned.test(readFileSync(file, "utf-8")))).toEqual([]);
  });
});
