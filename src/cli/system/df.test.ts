import { expect, test } from "bun:test";
import { openFakeEngine, runCommand, TestCli } from "#cli/testing/test-cli.ts";
import { command as check } from "./check.ts";
import { command as df } from "./df.ts";
import { command as prune } from "./prune.ts";

const LEGACY = {
  LayersSize: 1_982_435,
  Images: [{ Id: "sha256:1", Containers: 3, Size: 1_982_435, SharedSize: 1_982_435 }],
  Containers: [
    { Id: "a", State: "running", SizeRw: 1000 },
    { Id: "b", State: "exited", SizeRw: 3000 },
  ],
  Volumes: [
    { Name: "v", UsageData: { Size: 10, RefCount: 0 } },
    { Name: "remote", UsageData: { Size: -1, RefCount: 1 } },
  ],
  BuildCache: null,
};

test("df sums up what an engine before API 1.52 lists, as docker does", async () => {
  await using engine = openFakeEngine({ "GET /system/df": () => Response.json(LEGACY) });
  const cli = new TestCli({ engine: engine.client });
  expect(await runCommand(df, cli, [])).toBe(0);
  expect(cli.output.text).toBe(`TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE
Images          1         1         1.982MB   1.982MB (100%)
Containers      2         1         4kB       3kB (75%)
Local Volumes   2         1         10B       10B (100%)
Build Cache     0         0         0B        0B
`);
});

test("prune asks a docker engine, which knows no preview, as docker does", async () => {
  await using engine = openFakeEngine({});
  const cli = new TestCli({ engine: engine.client, input: "n\n" });
  expect(await runCommand(prune, cli, [])).toBe(0);
  expect(cli.errors.text).toBe("");
  expect(cli.output.text).toStartWith("WARNING! This will remove:\n  - all stopped containers\n");
  expect(engine.requests).toEqual([
    "GET /system/prune/preview?type=container&type=image&type=build-cache",
  ]);
});

test("check ends with 1 while something is left", async () => {
  const finding = { Kind: "link", Subject: "wh1", Explanation: "stray", Mend: "delete it" };
  const answer = (mended: boolean) => () =>
    Response.json({ Findings: [{ ...finding, Mended: mended }] });
  await using engine = openFakeEngine({
    "GET /system/check": answer(false),
    "POST /system/check": answer(true),
  });
  const looking = new TestCli({ engine: engine.client });
  expect(await runCommand(check, looking, [])).toBe(1);
  expect(looking.output.text).toBe(`KIND      SUBJECT   WHAT IS WRONG   MEND
link      wh1       stray           with --repair: delete it

0 mended, 1 left
`);
  const mending = new TestCli({ engine: engine.client });
  expect(await runCommand(check, mending, ["--repair", "--deep"])).toBe(0);
  expect(engine.requests.at(-1)).toBe("POST /system/check?deep=1");
});
