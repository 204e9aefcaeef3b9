// The flags of images, volumes, contexts and the system, each with what it changes.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let platform: string;
beforeAll(async () => {
  engine = await startEngine();
  platform = await engine.mustDocker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}");
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const must = (...args: string[]) => engine.mustDocker(...args);
const refused = async (...args: string[]) => {
  const result = await engine.docker(args);
  expect(result.exitCode).toBeGreaterThan(0);
  return result.stderr;
};

describe("images", () => {
  test("history and ls show what their flags ask for", async () => {
    const id = await must("image", "inspect", "-f", "{{.Id}}", "busybox");
    const whole = ["image", "history", "--no-trunc", "--quiet"];
    expect(await must(...whole, "busybox")).toBe(id);
    expect(await must(...whole, "--platform", platform, "busybox")).toBe(id);
    expect(await refused(...whole, "--platform", "linux/s390x", "busybox")).toContain("s390x");
    const size = ["image", "history", "--format", "{{.Size}}"];
    expect(await must(...size, "--human=false", "busybox")).toMatch(/^\d{7}$/);
    expect(await must(...size, "busybox")).toMatch(/^\d+(\.\d+)?MB$/);
    expect((await must("image", "ls", "--digests")).split("\n")[0]).toContain("DIGEST");
    expect(await must("image", "ls", "--tree")).toContain("busybox:latest");
  });

  test("--platform takes what is there and refuses what is not", async () => {
    const archive = join(engine.root, "saved.tar");
    expect(await must("image", "inspect", "--platform", platform, "-f", "{{.Os}}", "busybox")).toBe(
      "linux",
    );
    expect(await refused("image", "inspect", "--platform", "linux/s390x", "busybox")).toContain(
      "s390x",
    );
    await must("image", "save", "--platform", platform, "-o", archive, "busybox");
    expect(
      await refused("image", "save", "--platform", "linux/s390x", "-o", archive, "busybox"),
    ).toContain("s390x");
    expect(await must("image", "load", "--platform", platform, "-i", archive)).toContain(
      "busybox:latest",
    );
    expect(await refused("image", "load", "--platform", "linux/s390x", "-i", archive)).toContain(
      `the archive has none for linux/s390x, it has ${platform}`,
    );

    const tar = join(engine.root, "own.tar");
    writeFileSync(join(engine.root, "word"), "word\n");
    await mustRun(["tar", "-C", engine.root, "-cf", tar, "word"]);
    await must("image", "import", "--platform", "linux/s390x", tar, "foreign:1");
    expect(await must("image", "inspect", "-f", "{{.Architecture}}", "foreign:1")).toBe("s390x");
    expect(await refused("image", "rm", "--platform", platform, "foreign:1")).toContain(
      `its platform (linux/s390x) does not match the specified platform (${platform})`,
    );
    await must("image", "rm", "--platform", "linux/s390x", "--force", "foreign:1");
    expect(await must("image", "ls", "-q", "foreign")).toBe("");
  });

  test("rm keeps parents with --no-prune, takes tags of used images with --force; prune filters", async () => {
    await must("create", "--name", "user", "busybox", "true");
    await must("commit", "--change", "LABEL go=1", "user", "child:1");
    await must("image", "rm", "--no-prune", "child:1");
    expect(await must("image", "ls", "-q", "child")).toBe("");
    await must("tag", "busybox", "second:1");
    await must("image", "rm", "--force", "second:1");
    await must("commit", "--change", "LABEL go=1", "user", "child:2");
    await must("commit", "--change", "LABEL go=2", "user", "child:3");
    const out = await must("image", "prune", "--all", "--force", "--filter", "label=go=1");
    expect(out).toContain("untagged: child:2");
    expect(await must("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "child")).toBe(
      "child:3",
    );
    const prune = ["image", "prune", "--all", "--force", "--filter", "label=go=2"];
    expect(await must(...prune, "--filter", "until=1h")).toBe("Total reclaimed space: 0B");
    expect(await must(...prune, "--filter", "until=1ms")).toContain("untagged: child:3");
    await must("rm", "user");
  });
});

describe("volumes", () => {
  test("create, ls, prune and rm by driver, option, label and filter", async () => {
    await must(
      ...["volume", "create", "--driver", "local", "--label", "go=1", "--opt", "type=tmpfs"],
      ...["--opt", "device=tmpfs", "--opt", "o=size=1m", "scratch"],
    );
    await must("volume", "create", "--label", "go=2", "kept");
    expect(
      await must("run", "--rm", "-v", "scratch:/s", "busybox", "grep", " /s ", "/proc/mounts"),
    ).toContain("size=1024k");
    expect(
      await must("volume", "ls", "--filter", "label=go=1", "--format", "{{.Driver}} {{.Name}}"),
    ).toBe("local scratch");
    expect(await must("volume", "prune", "--all", "--force", "--filter", "label=go=1")).toContain(
      "scratch",
    );
    expect(await must("volume", "ls", "-q")).toBe("kept");
    expect(await must("volume", "rm", "--force", "kept", "nosuch")).toContain("kept");
  });

  test("cluster volumes are for a swarm's manager", async () => {
    const flags = [
      ...[
        "--availability",
        "pause",
        "--group",
        "g",
        "--limit-bytes",
        "2m",
        "--required-bytes",
        "1m",
      ],
      ...["--scope", "multi", "--secret", "a=b", "--sharing", "all", "--type", "mount"],
      ...["--topology-preferred", "r=1", "--topology-required", "r=2"],
    ];
    expect(await refused("volume", "create", ...flags, "far")).toContain(
      "This node is not a swarm manager",
    );
    expect(await refused("volume", "update", "--availability", "drain", "far")).toContain(
      "no such volume",
    );
    expect(await must("volume", "ls", "--cluster")).toMatch(
      /^VOLUME NAME +GROUP +DRIVER +AVAILABILITY +STATUS$/,
    );
  });
});

describe("contexts", () => {
  test("are created, shown, used, changed, moved and removed", async () => {
    const file = join(engine.root, "far.dockercontext");
    await must(
      "context",
      "create",
      "--description",
      "far away",
      "--docker",
      `host=${engine.host}`,
      "far",
    );
    await must("context", "create", "--from", "far", "copy");
    expect(await must("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", "copy")).toBe(
      engine.host,
    );
    const env = { DOCKER_HOST: "" };
    const own = async (...args: string[]) => (await engine.docker(args, { env })).stdout.trim();
    await must("context", "use", "far");
    expect(await own("context", "show")).toBe("far");
    expect(await own("context", "ls", "--format", "{{.Name}} {{.Current}}")).toContain("far true");
    expect(await own("context", "ls", "--quiet")).toBe("copy\ndefault\nfar");
    expect(await own("version", "--format", "{{.Server.Os}}")).toBe("linux");
    await must(
      "context",
      "update",
      "--description",
      "nearer",
      "--docker",
      "host=unix:///nosuch",
      "copy",
    );
    expect(await must("context", "inspect", "--format", "{{.Metadata}}", "copy")).toContain(
      "nearer",
    );
    await must("context", "export", "far", file);
    await must("context", "import", "brought", file);
    expect(
      await must("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", "brought"),
    ).toBe(engine.host);
    const inUse = await engine.docker(["context", "rm", "far"], { env });
    expect(inUse.exitCode).toBe(1);
    expect(inUse.stderr).toContain("far");
    expect(await own("context", "rm", "--force", "far", "copy", "brought")).toBe(
      "far\ncopy\nbrought",
    );
  });
});

describe("system", () => {
  test("df and prune show and take what the flags say", async () => {
    await must("create", "--name", "done", "--label", "go=1", "-v", "/data", "busybox", "true");
    await must("volume", "create", "--label", "go=1", "loose");
    expect(await must("system", "df", "--format", "{{.Type}} {{.TotalCount}}")).toContain(
      "Containers 1",
    );
    expect(await must("system", "df", "--verbose")).toMatch(/^loose +0 +0B$/m);
    const out = await must(
      "system",
      "prune",
      "--all",
      "--force",
      "--volumes",
      "--filter",
      "label=go=1",
    );
    expect(out).toContain("Deleted Containers:");
    expect(await must("ps", "-aq")).toBe("");
    expect(await must("image", "ls", "-q", "busybox")).not.toBe("");
  });

  test("version and info in a form of one's own", async () => {
    expect(await must("version", "--format", "{{.Server.Os}}")).toBe("linux");
    expect(await must("info", "--format", "{{.ID}}")).toBe(engine.engineId);
  });

  test("events between two moments, by filter", async () => {
    await must("volume", "create", "noted");
    const seen = await must(
      ...[
        "events",
        "--since",
        "1m",
        "--until",
        new Date().toISOString(),
        "--filter",
        "type=volume",
      ],
      ...["--filter", "event=create", "--format", "{{.Actor.ID}}"],
    );
    expect(seen.split("\n")).toContain("noted");
  });
});
