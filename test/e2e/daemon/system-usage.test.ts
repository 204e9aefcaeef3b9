import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

/** An operator asks what uses the disk, looks at what a prune would take, and takes it. */

let engine: TestEngine;

beforeAll(async () => {
  engine = await startEngine();
}, 60_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
}, 60_000);

interface Sums {
  readonly ActiveCount: number;
  readonly TotalCount: number;
  readonly TotalSize: number;
  readonly Reclaimable: number;
  readonly Items?: readonly Readonly<Record<string, unknown>>[];
}

interface Usage {
  readonly ImageUsage: Sums;
  readonly ContainerUsage: Sums;
  readonly VolumeUsage: Sums;
  readonly BuildCacheUsage: Sums;
  readonly StorageUsage: {
    readonly Logs: number;
    readonly Blobs: number;
    readonly Engine: number;
    readonly Unowned: readonly { readonly Path: string; readonly Size: number }[];
  };
}

async function usage(query = ""): Promise<Usage> {
  return (await (await engine.api("GET", `/v1.56/system/df${query}`)).json()) as Usage;
}

describe("system df", () => {
  test("counts what containers, volumes and images take, to the byte", async () => {
    const write = "dd if=/dev/zero of=/big bs=1000 count=300 2>/dev/null";
    await engine.mustDocker("run", "--name", "stopped", "busybox", "sh", "-c", write);
    await engine.mustDocker(
      ...["run", "-d", "--name", "up", "-v", "data:/data", "busybox", "sh", "-c"],
      "dd if=/dev/zero of=/data/x bs=1000 count=50 2>/dev/null; echo ready; exec sleep 1000",
    );
    await engine.mustDocker("run", "--rm", "-v", "/anonymous", "busybox", "true");
    await engine.mustDocker("create", "--name", "made", "-v", "/anonymous", "busybox");
    while (!(await engine.mustDocker("logs", "up")).includes("ready"));
    const found = await usage();
    expect(found.ContainerUsage).toMatchObject({ ActiveCount: 1, TotalCount: 3 });
    // the link /etc/mtab, which the engine puts into each container that ran, is counted too
    expect(found.ContainerUsage.TotalSize - 300_000).toBeWithin(0, 100);
    expect(found.VolumeUsage).toEqual({
      ActiveCount: 2,
      TotalCount: 2,
      TotalSize: 50_000,
      Reclaimable: 0,
    });
    expect(found.ImageUsage).toMatchObject({ ActiveCount: 1, TotalCount: 1, Reclaimable: 0 });
    expect(found.ImageUsage.TotalSize).toBeGreaterThan(1_000_000);
    expect(found.BuildCacheUsage.TotalSize).toBe(0);
    expect(found.StorageUsage.Logs).toBeGreaterThan(0);
    expect(found.StorageUsage.Unowned).toEqual([]);
  });

  test("has lists up to API 1.52, sums from there, and types on their own", async () => {
    const old = (await (await engine.api("GET", "/v1.51/system/df")).json()) as object;
    expect(Object.keys(old)).toEqual([
      "LayersSize",
      "Images",
      "Containers",
      "Volumes",
      "BuildCache",
    ]);
    const both = (await (await engine.api("GET", "/v1.52/system/df")).json()) as object;
    expect(Object.keys(both)).toContain("Images");
    expect(Object.keys(both)).toContain("ImageUsage");
    const images = await usage("?type=image&verbose=1");
    expect(Object.keys(images)).toEqual(["ImageUsage"]);
    expect(images.ImageUsage.Items).toHaveLength(1);
    const bad = await engine.api("GET", "/system/df?type=bogus");
    expect([bad.status, await bad.json()]).toMatchObject([
      400,
      { message: "unknown object type: bogus" },
    ]);
  });

  test("is printed by both clients, in sums and in detail", async () => {
    const sums = await engine.mustDocker(
      "system",
      "df",
      "--format",
      "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}}",
    );
    expect(sums).toContain("Containers 3 1 300kB\nLocal Volumes 2 2 50kB");
    const ours = await engine.mustWharf("system", "df");
    expect(ours).toMatch(/^Containers +3 +1 +300kB +300kB \((99|100)%\)$/m);
    expect(ours).toMatch(/^Container Logs /m);
    const details = await engine.mustWharf("system", "df", "-v");
    expect(details).toMatch(/^busybox +latest .* 0B +\S+ +3$/m);
    expect(details).toMatch(/^data +1 +50kB$/m);
    const template = [
      "system",
      "df",
      "-v",
      "--format",
      "{{range .Volumes}}{{.Name}} {{.Size}};{{end}}",
    ];
    expect(await engine.mustWharf(...template)).toBe(await engine.mustDocker(...template));
  });

  test("counts a tree of many files in a child process", async () => {
    const { Mountpoint } = (await (await engine.api("GET", "/volumes/data")).json()) as {
      Mountpoint: string;
    };
    mkdirSync(join(Mountpoint, "many"));
    for (let file = 0; file < 3000; file++)
      writeFileSync(join(Mountpoint, "many", `${file}`), "12345");
    const [one, two] = await Promise.all([usage("?type=volume"), usage("?type=volume")]);
    expect(one.VolumeUsage.TotalSize).toBe(65_000);
    expect(two).toEqual(one);
  });

  test("names what nobody owns", async () => {
    const stray = join(engine.root, "data/volumes/stray");
    mkdirSync(stray);
    writeFileSync(join(stray, "file"), "1234567890");
    expect((await usage()).StorageUsage.Unowned).toEqual([{ Path: stray, Size: 10 }]);
    expect(await engine.mustWharf("system", "df")).toMatch(
      /^Unowned +1 +10B +10B \(wharf system check --repair\)$/m,
    );
  });
});

describe("system prune", () => {
  test("shows what would go before it asks, and takes nothing without a yes", async () => {
    const asked = await engine.wharf(["system", "prune", "--all", "--volumes"], { input: "n\n" });
    expect(asked.exitCode).toBe(0);
    expect(asked.stderr).toMatch(
      /To be removed now, 300kB:\n {2}2 containers \(300kB\): (made, stopped|stopped, made)\n {2}1 volume \(0B\)/,
    );
    expect(asked.stdout).toBe(`WARNING! This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all anonymous volumes not used by at least one container
  - all images without at least one container associated to them
  - all build cache

Are you sure you want to continue? [y/N] `);
    expect((await usage()).ContainerUsage.TotalCount).toBe(3);
  });

  test("by the docker CLI goes through all endpoints", async () => {
    const pruned = await engine.mustDocker("system", "prune", "--force", "--volumes");
    expect(pruned).toMatch(
      /^Deleted Containers:\n[0-9a-f]{64}\n[0-9a-f]{64}\n\nDeleted Volumes:\n[0-9a-f]{64}\n\nTotal reclaimed space: 300kB$/,
    );
  });

  test("by our own client removes images once no container has them", async () => {
    await engine.mustDocker("rm", "-f", "up");
    const filtered = await engine.wharf(["system", "prune", "-a", "--filter", "label=none"], {
      input: "y\n",
    });
    expect(filtered.stdout).toEndWith("Total reclaimed space: 0B\n");
    expect(filtered.stdout).toContain(
      "  Items to be pruned will be filtered with:\n  - label=none\n",
    );
    expect(filtered.stderr).toBe("Nothing is there to remove now.\n\n");
    const pruned = await engine.wharf(["system", "prune", "-a"], { input: "y\n" });
    expect(pruned.stderr).toMatch(/1 image \(\S+MB\): busybox:latest/);
    expect(pruned.stdout).toContain("Deleted Images:\nuntagged: busybox:latest\ndeleted: sha256:");
    const [, shown] = /To be removed now, (\S+):/.exec(pruned.stderr) ?? [];
    expect(pruned.stdout).toEndWith(`Total reclaimed space: ${shown}\n`);
    expect((await usage()).StorageUsage.Blobs).toBe(0);
  });

  test("refuses what docker refuses, in its words", async () => {
    const until = await engine.wharf(["system", "prune", "--volumes", "--filter", "until=1h"]);
    expect([until.exitCode, until.stderr]).toEqual([
      1,
      'ERROR: The "until" filter is not supported with "--volumes"\n',
    ]);
    for (const noun of ["containers", "images", "volumes", "networks"]) {
      const bad = await engine.api("POST", `/${noun}/prune?filters={"bogus":["x"]}`);
      expect([bad.status, await bad.json()]).toMatchObject([
        400,
        { message: "invalid filter 'bogus'" },
      ]);
    }
    const twice = await engine.api("POST", '/networks/prune?filters={"until":["1h","2h"]}');
    expect(await twice.json()).toMatchObject({ message: "more than one until filter specified" });
  });
});
