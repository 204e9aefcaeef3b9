// A user loads, saves, imports, tags, inspects and removes images.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { readFileSync, writeFileSync } from "node:fs";
import { CACHE, startEngine, type TestEngine } from "../harness/engine.ts";

/** @param client Whose command line: the unmodified docker CLI's, or ours. */
export function imageStory(client: "docker" | "wharf"): void {
  let engine: TestEngine;
  let folder: string;
  const must = (...args: readonly string[]): Promise<string> =>
    client === "docker" ? engine.mustDocker(...args) : engine.mustWharf(...args);

  beforeAll(async () => {
    engine = await startEngine();
    folder = mkdtempSync("/var/tmp/wharf-images-");
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await engine[Symbol.asyncDispose]();
  });

  describe(`${client}: save and load`, () => {
    test("an image comes back with its id, tags, configuration and files", async () => {
      const id = await must("image", "inspect", "-f", "{{.Id}}", "busybox");
      const tar = join(folder, "busybox.tar");
      await must("save", "-o", tar, "busybox:latest");
      await must("rmi", "busybox:latest");
      expect(await must("images", "-q")).toBe("");
      expect(await must("load", "-i", tar)).toBe("Loaded image: busybox:latest");
      expect(await must("image", "inspect", "-f", "{{.Id}}", "busybox")).toBe(id);
      expect(await must("run", "--rm", "busybox", "echo", "back")).toBe("back");
    });

    test("gzip and zstd archives load as plain ones do", async () => {
      const tar = join(folder, "plain.tar");
      await must("save", "-o", tar, "busybox:latest");
      const bytes = readFileSync(tar);
      for (const [name, packed] of [
        ["gz", gzipSync(bytes, { level: 1 })],
        ["zst", zstdCompressSync(bytes)],
      ] as const) {
        const path = join(folder, `busybox.tar.${name}`);
        writeFileSync(path, packed);
        await must("rmi", "busybox:latest");
        expect(await must("load", "-q", "-i", path)).toBe("Loaded image: busybox:latest");
        expect(await must("run", "--rm", "busybox", "echo", name)).toBe(name);
      }
    });

    test("a truncated archive is refused and leaves nothing", async () => {
      const tar = join(folder, "cut.tar");
      await must("save", "-o", tar, "busybox:latest");
      const before = await must("images", "-aq", "--no-trunc");
      const bytes = readFileSync(tar);
      writeFileSync(tar, bytes.subarray(0, bytes.length / 2));
      const result = await engine[client](["load", "-i", tar]);
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toMatch(/unexpected EOF|truncated|ends in the middle/i);
      expect(await must("images", "-aq", "--no-trunc")).toBe(before);
    });

    test("several images travel in one archive", async () => {
      await must("tag", "busybox", "local/one:1");
      await must("tag", "busybox", "local/two:2");
      const tar = join(folder, "both.tar");
      await must("save", "-o", tar, "local/one:1", "local/two:2");
      await must("rmi", "local/one:1", "local/two:2");
      const said = await must("load", "-i", tar);
      expect(said.split("\n").toSorted()).toEqual([
        "Loaded image: local/one:1",
        "Loaded image: local/two:2",
      ]);
      await must("rmi", "local/one:1", "local/two:2");
    });
  });

  describe(`${client}: import`, () => {
    test("makes an image of a tar with changes and a message", async () => {
      const id = await must(
        ...[
          "import",
          "-m",
          "from a tar",
          "-c",
          'ENTRYPOINT ["/bin/echo", "entry"]',
          "-c",
          "ENV A=b",
          "-c",
          "EXPOSE 80/tcp",
        ],
        ...[
          "-c",
          "WORKDIR /tmp",
          "-c",
          "LABEL tier=web",
          "-c",
          "USER 33",
          join(CACHE, "busybox.tar"),
          "imported:v1",
        ],
      );
      expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
      const config = JSON.parse(
        await must("image", "inspect", "-f", "{{json .Config}}", "imported:v1"),
      ) as {
        Env: string[];
        WorkingDir: string;
        User: string;
        Labels: Record<string, string>;
      };
      expect(config).toMatchObject({ WorkingDir: "/tmp", User: "33", Labels: { tier: "web" } });
      expect(config.Env).toContain("A=b");
      expect(await must("run", "--rm", "imported:v1", "word")).toBe("entry word");
      expect(await must("history", "--format", "{{.Comment}}", "imported:v1")).toBe("from a tar");
      await must("rmi", "imported:v1");
    });

    test("refuses a change it does not know", async () => {
      const result = await engine[client]([
        "import",
        "-c",
        "RUN rm -rf /",
        join(CACHE, "busybox.tar"),
        "bad:1",
      ]);
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toMatch(/run is not a valid change command/i);
    });
  });

  describe(`${client}: tags and removal`, () => {
    test("rmi untags first and deletes with the last tag", async () => {
      await must("tag", "busybox", "other:tag");
      expect(await must("rmi", "other:tag")).toBe("Untagged: other:tag");
      await must("run", "--name", "user", "busybox", "true");
      const refused = await engine[client](["rmi", "busybox"]);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain(
        'conflict: unable to remove repository reference "busybox" (must force)',
      );
      await must("rm", "user");
    });

    test("filters, formats and dangling images", async () => {
      await must("import", "-c", "LABEL k=v", join(CACHE, "busybox.tar"), "labelled:1");
      expect(await must("images", "-f", "label=k=v", "--format", "{{.Repository}}:{{.Tag}}")).toBe(
        "labelled:1",
      );
      expect(await must("images", "-f", "reference=label*", "--format", "{{.Repository}}")).toBe(
        "labelled",
      );
      await must("import", "-c", "LABEL k=w", join(CACHE, "busybox.tar"), "labelled:1");
      expect(await must("images", "-f", "dangling=true", "-q")).toMatch(/^[0-9a-f]{12}$/);
      expect(await must("image", "prune", "-f")).toContain("Deleted Images:");
      expect(await must("images", "-f", "dangling=true", "-q")).toBe("");
      await must("rmi", "labelled:1");
    });

    test("bad references are refused in Docker's words", async () => {
      expect((await engine[client](["tag", "busybox", "UPPER:1"])).stderr).toContain(
        "repository name (library/UPPER) must be lowercase",
      );
      expect((await engine[client](["rmi", "nosuch:1"])).stderr).toContain(
        "No such image: nosuch:1",
      );
    });
  });
}
