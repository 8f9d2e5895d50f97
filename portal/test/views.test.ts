import { describe, expect, it } from "vitest";
import type { Topology } from "../src/api/hub";
import { put } from "../src/contract/pointer";
import type { PlotView, Schema, Stream } from "../src/contract/types";
import { warningsOf } from "../src/pages/Bridge";
import { withoutSecrets, withRequired } from "../src/views/form/drafts";
import { add, fill, interrupt, type Past, shown } from "../src/views/past";

const view: PlotView = { id: "v", kind: "plot", stream: "s", series: [{ field: "/v", label: "V" }] };
const stream: Stream = { topic: "t", time: "/t" };
const past = (): Past => ({ times: [], lines: new Map() });
const values = (of: Past) => shown(of).lines[0]?.values;

describe("the past of a plot", () => {
  it("P2: keeps an outage a gap", () => {
    const kept = past();
    add(kept, view, 100, { v: 1 });
    add(kept, view, 102, { v: 2 });
    interrupt(kept);
    add(kept, view, 104, { v: 3 });
    add(kept, view, 200, { v: 4 });
    expect(values(kept)).toEqual([1, 2, null, 3, null, 4]);
  });
  it("P2: keeps a short outage a gap, unless the past tells of it", () => {
    const kept = past();
    for (const t of [100, 101]) add(kept, view, t, { v: t });
    interrupt(kept);
    for (const t of [106, 107]) add(kept, view, t, { v: t });
    fill(kept, view, stream, [80, 90, 100].map((t) => ({ t, v: t })));
    expect(values(kept)).toEqual([80, 90, 100, 101, null, 106, 107]);
    fill(kept, view, stream, [101, 102, 103, 104, 105].map((t) => ({ t, v: t })));
    expect(values(kept)?.slice(2)).toEqual([100, 101, 102, 103, 104, 105, 106, 107]);
  });
  it("takes no time twice", () => {
    const kept = past();
    expect(add(kept, view, 100, { v: 1 })).toBe(true);
    expect(add(kept, view, 100, { v: 1 })).toBe(false);
    expect(shown(kept).times).toEqual([100]);
  });
  it("P2: begins with what was measured before, its own gaps included", () => {
    const kept = past();
    add(kept, view, 1000, { v: 9 });
    fill(kept, view, stream, [100, 110, 120, 500, 510, 990, 999].map((t) => ({ t, v: t })));
    expect(shown(kept).times.filter((time) => Number.isInteger(time))).toEqual([100, 110, 120, 500, 510, 990, 1000]);
    expect(values(kept)).toEqual([100, 110, 120, null, 500, 510, null, 990, 9]);
    const before = shown(kept);
    fill(kept, view, stream, [100, 110, 120, 500, 510, 990, 999].map((t) => ({ t, v: t })));
    expect(shown(kept)).toEqual(before);
  });
  it("is bounded to about an hour, whatever comes", () => {
    const kept = past();
    for (let t = 0; t < 20_000; t += 4) add(kept, view, t, { v: t });
    expect(shown(kept).times.length).toBeLessThan(1000);
    fill(past(), view, stream, [{ t: "x" }, null, 7, { v: 1 }]);
  });
});

describe("drafts", () => {
  const schema: Schema = {
    type: "object", required: ["inner"],
    properties: { inner: { $ref: "#/$defs/Inner" }, plain: { type: "string" }, word: { type: "string", writeOnly: true } },
    $defs: { Inner: { type: "object", properties: { secret: { type: "string", format: "password" }, name: { type: "string" } } } },
  };
  it("never hold a secret, however deep it lies", () => {
    expect(withoutSecrets({ plain: "a", word: "b", inner: { secret: "c", name: "d" } }, schema)).toEqual({ plain: "a", inner: { name: "d" } });
  });
  it("begin with the objects that have to be there", () => {
    expect(withRequired(schema, {})).toEqual({ inner: {} });
  });
  it("P4: take a value at a pointer, and nothing else", () => {
    expect(put({ a: { b: 1 } }, "/a/c/d", 2)).toEqual({ a: { b: 1, c: { d: 2 } } });
    expect(put({ a: "text" }, "/a/b", 2)).toEqual({ a: { b: 2 } });
    expect(put({}, "/__proto__/polluted", true)).toEqual({});
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("warnings of the bridge", () => {
  it("B1: name plain HTTP, silent edges, broken plugins and wrong clocks", () => {
    const plugin = { status: "failed", reason: "no module" };
    const topology = { bridge: { url: "" }, edges: { a: { suspect: true, endpoint: {}, plugins: { x: plugin } } } } as unknown as Topology;
    const edge = { name: "a", clock_skew_s: -90 } as never;
    const found = warningsOf("http://hub.example:8000", topology, [edge]).join("\n");
    for (const part of ["not encrypted", "a does not answer", "Plugin x of edge a is failed: no module", "off by 1 min 30 s"]) expect(found).toContain(part);
    expect(warningsOf("http://127.0.0.1:1", undefined, [])).toEqual([]);
    expect(warningsOf("https://hub.example", undefined, [])).toEqual([]);
  });
});
