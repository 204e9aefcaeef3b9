import { expect, test } from "bun:test";
import type { Result } from "../measure.ts";
import { summarise } from "../statistics.ts";
import { toMarkdown } from "./markdown.ts";
import { plotLatency } from "./plot.ts";
import { tableHead, tableRow } from "./table.ts";

function result(medians: Readonly<Record<string, number>>, isMoreBetter = false): Result {
  const figures = Object.entries(medians).flatMap(([name, value]) => {
    const summary = summarise([value * 0.9, value, value * 1.1]);
    return summary ? [[name, summary] as const] : [];
  });
  return {
    workload: "run --rm true",
    unit: "ms",
    isMoreBetter,
    figures: new Map(figures),
    failures: new Map([["podman", "it is broken\nfor good"]]),
    goals: [{ atMost: 1 / 8, figures: [{ value: 0.25, of: "of docker" }] }],
  };
}

test("tableRow() shows medians, spread, ratio, goal and failures", () => {
  const [line, failure] = tableRow(result({ wharf: 50, docker: 200 })).split("\n");
  expect(line?.replaceAll(/ +/g, " ")).toBe(
    "run --rm true, ms 50.0 ±5 % 200 ±5 % – – 0.25 MISSED: 0.25 of docker, at most 0.13",
  );
  expect(failure).toStartWith("  podman FAILED: it is broken");
});

test("tableRow() keeps its columns below those of tableHead()", () => {
  const head = tableHead();
  const line = tableRow(result({ wharf: 50, docker: 200 }));
  expect(line.indexOf("200")).toBe(head.indexOf("docker"));
  expect(line.indexOf("MISSED")).toBe(head.indexOf("goal"));
});

test("tableRow() turns the ratio of rates round", () => {
  const line = tableRow(result({ wharf: 2000, docker: 1000 }, true));
  expect(line).toContain(" 0.50 ");
});

test("toMarkdown() is one table with what failed below it", () => {
  const circumstances = {
    machine: "a machine",
    versions: ["wharf 1"],
    runtime: "crun",
    runs: 5,
    rounds: 1,
  };
  const text = toMarkdown(circumstances, [result({ wharf: 50, docker: 200 })], "start.svg");
  expect(text).toContain(
    "| run --rm true, ms | 50.0 ±5 % | 200 ±5 % | – | – | 0.25 | **missed**: 0.25 of docker, at most 0.13 |",
  );
  expect(text).toContain("0 of 1 goals are met");
  expect(text).toContain("![Start latency by the number of clients](start.svg)");
  expect(text).toContain("- run --rm true, podman: it is broken for good");
});

test("plotLatency() draws what is there, and nothing for what is not", () => {
  const one = summarise([90, 100, 110]);
  const svg = plotLatency(
    [1, 8],
    [
      { name: "wharf", points: [one, one] },
      { name: "docker", points: [undefined, one] },
      { name: "podman", points: [undefined, undefined] },
    ],
  );
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  expect(svg).not.toContain("NaN");
  expect(svg).not.toContain("podman");
});
