import { describe, expect, it } from "vitest";
import { requestFor } from "../src/api/operations";
import type { Operation } from "../src/contract/types";
import { bytes, duration, guessed, inUnit, shortTime, text, words } from "../src/ui/format";
import { append, type Kept, pieces, settled } from "../src/ui/log/text";
import { toCsv } from "../src/ui/table/export";
import { chosen, fitting, picked } from "../src/ui/table/pick";

describe("format", () => {
  it("writes sizes, times and units", () => {
    expect(bytes(0)).toBe("0 B");
    expect(bytes(1536)).toBe("1.5 KiB");
    expect(bytes(250 * 1024 ** 3)).toBe("250 GiB");
    expect(duration(0.25)).toBe("250 ms");
    expect(duration(75)).toBe("1 min 15 s");
    expect(duration(7200)).toBe("2 h 0 min");
    expect(inUnit(12.34, "percent")).toBe("12.3 %");
    expect(inUnit(2048, "bytes_per_second")).toBe("2.0 KiB/s");
    expect(words("node_count")).toBe("Node count");
    expect(text(null)).toBe("–");
    expect(text(["a", "b"])).toBe("a b");
    expect(text(true)).toBe("yes");
    expect(shortTime(null)).toBe("–");
  });
});

describe("tables", () => {
  it("leave out the least important columns first", () => {
    const columns = [{ field: "/a", priority: 1 }, { field: "/b", priority: 4 }, { field: "/c", priority: 2 }];
    expect(fitting(columns, 1000)).toHaveLength(3);
    expect(fitting(columns, 250).map((each) => each.field)).toEqual(["/a", "/c"]);
    expect(fitting(columns, 10).map((each) => each.field)).toEqual(["/a"]);
  });
  it("show the columns that were chosen, in their own order", () => {
    const columns = [{ field: "/a" }, { field: "/b" }, { field: "/c/d" }];
    expect(chosen(columns, undefined)).toBeUndefined();
    expect(chosen(columns, "/c/d,/a")?.map((each) => each.field)).toEqual(["/a", "/c/d"]);
    expect(chosen(columns, "/gone")).toBeUndefined();
  });
  it("pick rows by value and by words, and sort them", () => {
    const rows = [{ n: 2, edge: "a" }, { n: 10, edge: "b" }, { n: 1, edge: "a" }, { n: null, edge: "a" }];
    const columns = [{ field: "/n" }, { field: "/edge" }];
    const numbers = (found: unknown[]) => (found as typeof rows).map((row) => row.n);
    expect(numbers(picked(rows, columns, ["/edge"], { "is.edge": "a", sort: "/n" }, ""))).toEqual([1, 2, null]);
    expect(numbers(picked(rows, columns, [], { "is.edge": "a" }, "10"))).toEqual([10]);
    expect(numbers(picked(rows, columns, [], { sort: "/n", dir: "down" }, ""))).toEqual([10, 2, 1, null]);
  });
  it("export CSV in which no cell is a formula", () => {
    const made = toCsv([{ a: '=cmd|"x"', b: -1 }, { a: "@x", b: null }], [{ field: "/a" }, { field: "/b" }]);
    expect(made.split("\r\n")).toEqual(['"A","B"', '"\'=cmd|""x""","-1"', '"\'@x",""']);
  });
});

describe("what nobody described", () => {
  it("is a time where its name says so", () => {
    expect(guessed("ended_at", 1.7e9)).toBe("time");
    for (const [name, value] of [["ended_at", 12], ["ended_at", "now"], ["at_all", 1.7e9], ["walltime", 1.7e9]] as const) expect(guessed(name, value)).toBeUndefined();
  });
});

describe("logs", () => {
  it("keep colours as classes and drop every other control code", () => {
    expect(pieces("\x1b[1;31mred\x1b[0m plain\x1b[2J\x07")).toEqual([{ text: "red", style: "a1 a31" }, { text: " plain", style: "" }]);
    expect(pieces("\x1b]0;title\x07x")).toEqual([{ text: "x", style: "" }]);
  });
  it("collapse progress that draws over itself", () => {
    expect(settled("10%\r50%\r100%")).toBe("100%");
    expect(settled("dos line\r")).toBe("dos line");
    expect(settled("x".repeat(20_000)).length).toBeLessThan(10_100);
  });
  it("join what arrives in pieces", () => {
    const kept: Kept = { lines: [], dropped: 0 };
    const texts = () => kept.lines.map((line) => line.text);
    append(kept, "one\ntw", 1);
    expect(texts()).toEqual(["one", "tw"]);
    append(kept, "o\nthree\n", 2);
    expect(texts()).toEqual(["one", "two", "three"]);
    append(kept, "\nfive", 3);
    expect(texts()).toEqual(["one", "two", "three", "", "five"]);
    expect(kept.lines.map((line) => line.at)).toEqual([1, 1, 2, 3, 3]);
  });
  it("bound what is kept", () => {
    const kept: Kept = { lines: [], dropped: 0 };
    append(kept, "x\n".repeat(250_000), 0);
    expect(kept.lines.length).toBe(100_000);
  });
});

describe("requests", () => {
  const place = { edge: "here", plugin: "plug" };
  const operation = (path: string, method: "GET" | "POST" = "GET") => ({ path, method, effect: "read", title: "", input: {}, output: {} }) as Operation;
  it("fill the path, and send the rest as query or body", () => {
    expect(requestFor(place, operation("status/{sid}/{id}"), { id: "a/b", offset: 3, none: null }, "s1")).toMatchObject({ path: "/here/plug/status/s1/a%2Fb", query: { offset: "3" } });
    expect(requestFor(place, operation("do/{sid}", "POST"), { a: [1] }, "s1")).toMatchObject({ path: "/here/plug/do/s1", body: { a: [1] } });
  });
  it("never leave the plugin", () => {
    for (const path of ["../x", "/x", "x/..", "a b", "{a}{b}", "x?y"]) expect(() => requestFor(place, operation(path), {}, "s")).toThrow();
    for (const id of ["..", ".", "", undefined]) expect(() => requestFor(place, operation("get/{id}"), { id }, "s")).toThrow();
  });
});
