import { expect, test } from "bun:test";
import { openFakeEngine, runCommand, TestCli } from "#cli/testing/test-cli.ts";
import { command } from "./update.ts";

/** Runs `update` on containers `web` and `db`; what the engine was sent for each. */
async function update(...words: readonly string[]) {
  const bodies: Record<string, unknown>[] = [];
  const take = async (request: Request): Promise<Response> => {
    bodies.push((await request.json()) as Record<string, unknown>);
    return Response.json({ Warnings: ["mind this"] });
  };
  await using engine = openFakeEngine({
    "POST /containers/web/update": take,
    "POST /containers/db/update": take,
  });
  const cli = new TestCli({ engine: engine.client, env: { HERE: "1" } });
  const code = await runCommand(command, cli, words);
  return { code, bodies, output: cli.output.text };
}

test("update sends docker's fields, and prints names before warnings", async () => {
  const { bodies, output } = await update("-m", "64m", "--restart", "on-failure:3", "web", "db");
  expect(output).toBe("web\ndb\nmind this\nmind this\n");
  expect(bodies).toHaveLength(2);
  expect(bodies[0]).toMatchObject({
    Memory: 64 * 1024 * 1024,
    NanoCpus: 0,
    RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
  });
  for (const absent of ["PidsLimit", "KernelMemory", "AddEnv", "AddPortBindings"]) {
    expect(Object.keys(bodies[0] ?? {})).not.toContain(absent);
  }
});

test("update tells no limit of processes from none given", async () => {
  const { bodies } = await update("--pids-limit", "0", "web");
  expect(bodies[0]).toMatchObject({ PidsLimit: 0 });
});

test("update sends what only Wharf does in fields of its own", async () => {
  const { bodies } = await update(
    ...["--publish-add", "127.0.0.1:8080:80", "--publish-rm", "53/udp", "--label-add", "a=b"],
    ...["--label-rm", "c", "--env", "HERE", "--env", "X=2", "--env-rm", "Y"],
    ...["--mount-add", "type=volume,src=data,dst=/data", "--mount-rm", "/old", "web"],
  );
  expect(bodies[0]).toMatchObject({
    AddPortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }] },
    RemovePortBindings: { "53/udp": [{ HostIp: "", HostPort: "" }] },
    AddLabels: { a: "b" },
    RemoveLabels: ["c"],
    AddEnv: ["HERE=1", "X=2"],
    RemoveEnv: ["Y"],
    AddMounts: [{ Type: "volume", Source: "data", Target: "/data" }],
    RemoveMounts: ["/old"],
  });
});

test("update refuses in docker's words", () => {
  expect(update("web")).rejects.toThrow(
    "you must provide one or more flags when using this command",
  );
  expect(update("--restart", "on-failure:x", "web")).rejects.toThrow(
    "maximum retry count must be an integer",
  );
  expect(update("--label-add", "=x", "web")).rejects.toThrow("invalid label '=x': empty name");
});
