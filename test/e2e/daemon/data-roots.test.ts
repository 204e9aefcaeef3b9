// A user puts a newer Wharf in place of the older one: what the older one kept is all there. The data roots in
// testdata/ were left by engines of earlier commits, killed (testdata/refresh-data-root.ts).
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Glob } from "bun";
import { mustRun } from "../../harness/command.ts";
import { TestEngine, WHARF } from "../../harness/engine.ts";

const archives = [
  ...new Glob("test/e2e/daemon/testdata/data-root-*.tar.gz").scanSync("."),
].toSorted();

async function engineOn(archive: string): Promise<TestEngine> {
  const engine = new TestEngine({});
  mkdirSync(join(engine.root, "data"));
  await mustRun(["tar", "-xzf", resolve(archive), "-C", join(engine.root, "data")]);
  return engine;
}

/** All but the room that the store keeps for a full disk. */
function records(engine: TestEngine): unknown {
  using database = new Database(join(engine.root, "data/wharf.db"));
  const tables = database
    .query<{ name: string }, []>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'reserve' ORDER BY name",
    )
    .all();
  return tables.map(({ name }) => [name, database.query(`SELECT * FROM ${name}`).all()]);
}

describe.each(archives)("%s", (archive) => {
  test("its containers, images, volumes and networks are listed, and work", async () => {
    await using engine = await engineOn(archive);
    await engine.start();
    const list = (...args: string[]) =>
      engine.mustDocker(...args).then((text) => text.split("\n").toSorted());
    expect(await list("ps", "-a", "--format", "{{.Names}} {{.State}} {{.Image}}")).toEqual([
      "ended exited tiny:1",
      "fresh created tiny:1",
      "paused exited tiny:1",
      "ran exited tiny:1",
    ]);
    expect(await list("images", "--format", "{{.Repository}}:{{.Tag}}")).toEqual([
      "other.example/tiny:first",
      "tiny:1",
      "tiny:2",
    ]);
    expect(await list("volume", "ls", "--format", "{{.Name}} {{.Labels}}")).toEqual([
      "kept purpose=fixture",
    ]);
    expect(await list("network", "ls", "--format", "{{.Name}} {{.Driver}}")).toEqual([
      "bridge bridge",
      "host host",
      "none null",
    ]);
    const exit = (name: string) => engine.mustDocker("inspect", "-f", "{{.State.ExitCode}}", name);
    expect(await exit("ended")).toBe("7");
    expect(await exit("ran")).toBe("255"); // nobody saw it end
    const shown = "{{.Config.Env}} {{(index .Mounts 0).Name}} {{.HostConfig.LogConfig.Type}}";
    expect(await engine.mustDocker("inspect", "-f", shown, "ended")).toBe(
      "[COLOR=blue] kept json-file",
    );
    expect(await engine.mustDocker("inspect", "-f", "{{.HostConfig.Memory}}", "ran")).toBe(
      String(32 << 20),
    );
    expect(await engine.mustDocker("history", "-q", "tiny:2")).not.toBe("");
    if (process.arch === "x64") {
      expect(await engine.mustDocker("start", "ran")).toBe("ran");
      expect(await engine.mustDocker("port", "ran")).toContain("80/tcp -> 127.0.0.1:");
      expect((await engine.docker(["start", "-a", "fresh"])).stdout).toBe("hello\n");
      expect((await engine.docker(["run", "--rm", "tiny:2", "/program"])).exitCode).toBe(7);
    }
    expect(await engine.mustDocker("logs", "ended")).toBe("hello");
    await engine.mustDocker("rm", "-f", "ended", "ran", "fresh", "paused");
    await engine.mustDocker("volume", "rm", "kept");
    await engine.mustDocker("rmi", "tiny:1", "tiny:2", "other.example/tiny:first");
  });
});

test("a newer Wharf's data root is refused by name before anything is done, and stays as it is", async () => {
  const engine = await engineOn(archives.at(-1) ?? "");
  const path = join(engine.root, "data/wharf.db");
  {
    using database = new Database(path);
    database.run("UPDATE records_volumes SET version = 7");
  }
  const before = records(engine);
  await expect(engine.start()).rejects.toThrow(
    "failed to start daemon: Cannot read volumes: a newer Wharf wrote version 7, this one knows up to 1; " +
      "start that Wharf, or use another data root",
  );
  expect(records(engine)).toEqual(before);
  expect(existsSync(`/sys/class/net/${engine.bridge}`)).toBe(false);
  {
    using database = new Database(path);
    database.run("UPDATE records_volumes SET version = 1");
    database.run("PRAGMA user_version = 9");
  }
  await expect(engine.start()).rejects.toThrow("a newer Wharf wrote its layout 9");
  {
    using database = new Database(path);
    database.run("PRAGMA user_version = 1");
  }
  expect(engine.executable).toBe(WHARF);
  await engine.start();
  for (const line of engine.daemonLog().split("\n")) {
    if (line.includes("level=error")) expect(line).toContain("a newer Wharf wrote");
  }
  expect(await engine.stopAndFindLeaks()).toEqual([]);
  await mustRun(["rm", "-rf", engine.root]);
});
