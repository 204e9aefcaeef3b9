import { expect, test } from "bun:test";
import type { StatusResponse, StatusVertex } from "#spec/buildkit/control.ts";
import { toTimestamp } from "#spec/buildkit/shared.ts";
import { fit, plainLine, widthOf } from "./cells.ts";
import { PlainView } from "./plain-view.ts";
import { RawJsonView } from "./raw-json-view.ts";
import { Steps } from "./steps.ts";
import { drawTree } from "./tree.ts";
import { TreeView } from "./tree-view.ts";

const BEGAN_MS = 1_700_000_000_000;

function vertex(name: string, more: Partial<StatusVertex> = {}): StatusVertex {
  return {
    digest: `sha256:${name}`,
    inputs: [],
    name,
    isCached: false,
    started: undefined,
    completed: undefined,
    error: "",
    ...more,
  };
}

function at(seconds: number): ReturnType<typeof toTimestamp> {
  return toTimestamp(BEGAN_MS + seconds * 1000);
}

function status(more: Partial<StatusResponse>): StatusResponse {
  return { vertices: [], statuses: [], logs: [], warnings: [], ...more };
}

function says(name: string, text: string, seconds: number): StatusResponse["logs"][number] {
  return {
    vertex: `sha256:${name}`,
    timestamp: at(seconds),
    stream: 1,
    message: Buffer.from(text),
  };
}

function transfer(
  name: string,
  current: number,
  seconds?: number,
): StatusResponse["statuses"][number] {
  return {
    id: "transferring context:",
    vertex: `sha256:${name}`,
    name: "",
    current,
    total: 0,
    timestamp: at(1),
    started: at(0),
    completed: seconds === undefined ? undefined : at(seconds),
  };
}

test("PlainView tells a step at a time, with numbers, times and what has failed once more", () => {
  let text = "";
  const view = new PlainView(
    (one) => void (text += one),
    "building",
    () => 0,
  );
  view.onStatus(status({ vertices: [vertex("load", { started: at(0) })] }));
  view.onStatus(
    status({
      vertices: [vertex("load", { started: at(0), completed: at(0.5) })],
      statuses: [transfer("load", 2000, 0.25)],
    }),
  );
  view.onStatus(status({ vertices: [vertex("announced"), vertex("a", { started: at(1) })] }));
  view.onStatus(
    status({ vertices: [vertex("b", { started: at(1) })], logs: [says("b", "later\n", 1.5)] }),
  );
  view.onStatus(status({ logs: [says("a", "hel", 1.1), says("a", "lo\nwor", 1.2)] }));
  view.onStatus(status({ vertices: [vertex("a", { started: at(1), completed: at(3) })] }));
  const error = 'process "false" did not complete successfully: exit code: 1';
  view.onStatus(status({ vertices: [vertex("b", { started: at(1), completed: at(2), error })] }));
  view.onStatus(
    status({ vertices: [vertex("c", { started: at(3), completed: at(3), isCached: true })] }),
  );
  view.end();
  expect(text).toBe(`#0 building

#1 load
#1 transferring context: 2kB 0.3s done
#1 DONE 0.5s

#2 a
#2 0.200 hello
#2 2.000 wor
#2 DONE 2.0s

#3 b
#3 0.500 later
#3 ERROR: ${error}

#4 c
#4 CACHED
------
 > b:
0.500 later
------
`);
});

test("RawJsonView writes what Go's encoding of a SolveStatus would", () => {
  let text = "";
  const view = new RawJsonView((one) => void (text += one));
  view.onStatus(status({}));
  view.onStatus(
    status({
      vertices: [vertex("a<b", { started: toTimestamp(1000.5), isCached: true })],
      logs: [says("a", "x", 0)],
    }),
  );
  expect(text).toBe(
    `{"vertexes":[{"digest":"sha256:a\\u003cb","name":"a\\u003cb","started":"1970-01-01T00:00:01.0005Z","cached":true}],"logs":[{"vertex":"sha256:a","stream":1,"data":"eA==","timestamp":"2023-11-14T22:13:20Z"}]}\n`,
  );
});

function treeOf(
  steps: Steps,
  columns: number,
  rows: number,
  isFinished = false,
): readonly string[] {
  const state = {
    steps: [...steps.byDigest.values()],
    elapsedSeconds: 4.24,
    nowMs: BEGAN_MS + 4000,
    isFinished,
    title: "docker:default",
  };
  return drawTree(state, { columns, rows }).map(({ text }) => text);
}

function someSteps(): Steps {
  const steps = new Steps();
  steps.apply(
    status({
      vertices: [
        vertex("[internal] load build context", { started: at(0), completed: at(1) }),
        vertex("[base 1/2] FROM busybox", { started: at(0), completed: at(0), isCached: true }),
        vertex("[base 2/2] RUN make everything that there is to be made", { started: at(1) }),
        vertex("exporting to image"),
      ],
      statuses: [transfer("[internal] load build context", 12, 1)],
      logs: [
        says(
          "[base 2/2] RUN make everything that there is to be made",
          `${[1, 2, 3, 4, 5, 6, 7].map((n) => `line ${n}\n`).join("")}\u001b[31mred\u001b[0m 10%\r20%`,
          2,
        ),
      ],
    }),
  );
  return steps;
}

test("drawTree() shows steps, times, transfers and the last lines of what runs", () => {
  expect(treeOf(someSteps(), 60, 40)).toEqual([
    "[+] Building 4.2s (2/4)                       docker:default",
    " => [internal] load build context                       1.0s",
    " => => transferring context: 12B                        1.0s",
    " => CACHED [base 1/2] FROM busybox                      0.0s",
    " => [base 2/2] RUN make everything that there is to be… 3.0s",
    " => => # line 3",
    " => => # line 4",
    " => => # line 5",
    " => => # line 6",
    " => => # line 7",
    " => => # 20%",
  ]);
});

test("drawTree() never is wider or higher than the terminal while the build goes on", () => {
  for (const columns of [1, 5, 12, 20, 39, 80, 200]) {
    for (const rows of [1, 2, 3, 5, 8, 24]) {
      const lines = treeOf(someSteps(), columns, rows);
      expect(lines.length).toBeLessThanOrEqual(Math.max(2, rows - 1));
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
    }
  }
  expect(treeOf(someSteps(), 60, 6).at(1)).toStartWith(" => [base 2/2] RUN make");
  const finished = treeOf(someSteps(), 60, 3, true);
  expect(finished[0]).toStartWith("[+] Building 4.2s (2/4) FINISHED ");
  expect(finished).toHaveLength(5);
});

test("TreeView goes back over what it drew, also where a narrower window has folded it", () => {
  const written: string[] = [];
  let columns = 40;
  let now = BEGAN_MS;
  const view = new TreeView({
    write: (text) => void written.push(text),
    size: () => ({ columns, rows: 24 }),
    style: (_style, text) => text,
    title: "",
    nowMs: () => now,
  });
  view.onStatus(status({ vertices: [vertex("a", { started: at(0) })] }));
  expect(written[0]).toBe(`[+] Building 0.0s (0/1)\n => a${" ".repeat(30)} 0.0s\n`);
  columns = 20;
  now += 1000;
  view.onStatus(status({ vertices: [vertex("a", { started: at(0), completed: at(1) })] }));
  // 23 cells and 40 cells are two rows each in 20 columns
  expect(written[1]).toStartWith("\u001b[4A\r\u001b[J[+] Building 1.0s (…\n");
  view.end();
  expect(written.at(-2)).toContain(" => a           1.0s\n");
});

test("plainLine() and fit() keep a line in its place", () => {
  expect(plainLine("\u001b[2K\u001b[1Aup\u0007\tx\u001b]0;title\u0007")).toBe("up  x");
  expect(plainLine("50%\r100%\r")).toBe("100%");
  expect(fit("日本語", 5)).toBe("日本…");
  expect(fit("abc", 3)).toBe("abc");
  expect(fit("abcd", 0)).toBe("");
});
