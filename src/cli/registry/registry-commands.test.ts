import { expect, test } from "bun:test";
import { runCommand, TestCli } from "#cli/testing/test-cli.ts";
import { registryCommands } from "./commands.ts";
import { parseRetentionRule } from "./repository-settings.ts";

/** A registry that takes notes and answers from a table. */
function openFakeRegistry(answers: Readonly<Record<string, object>>): AsyncDisposable & {
  readonly url: string;
  readonly requests: string[];
} {
  const requests: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const call = `${request.method} ${pathname}${search}`;
      requests.push(`${call} ${request.headers.get("authorization")} ${await request.text()}`);
      const answer = answers[call];
      if (answer) return Response.json(answer);
      return Response.json({ errors: [{ code: "X", message: "not that" }] }, { status: 403 });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    [Symbol.asyncDispose]: async () => await server.stop(true),
  };
}

async function run(cli: TestCli, path: string, words: readonly string[]): Promise<number> {
  const entry = registryCommands.find((one) => one.path === path);
  if (!entry) throw new Error(`no command ${path}`);
  return await runCommand((await entry.load()).command, cli, words);
}

test("every command of the registry loads and says what it takes", async () => {
  for (const { path, load } of registryCommands) {
    const { command } = await load();
    const wanted = path === "registry serve" || path === "registry stats" ? 0 : command.args.min;
    expect([path, command.args.min]).toEqual([path, wanted]);
    expect(
      command.usage.split(" ").filter((word) => /^[A-Z]/.test(word)).length,
    ).toBeGreaterThanOrEqual(
      path.endsWith("grant") || path.endsWith("replication create") ? 1 : command.args.min - 1,
    );
  }
});

test("registry user create reads the password from stdin and shows credentials of the environment", async () => {
  await using registry = openFakeRegistry({ "POST /api/v1/users": { name: "alice" } });
  const env = { WHARF_REGISTRY: registry.url, WHARF_REGISTRY_TOKEN: "whr_x" };
  const cli = new TestCli({ env, input: "a secret\nmore" });
  expect(await run(cli, "registry user create", ["--admin", "alice"])).toBe(0);
  expect(registry.requests).toEqual([
    'POST /api/v1/users Bearer whr_x {"name":"alice","password":"a secret","admin":true}',
  ]);
  expect(cli.output.text).toBe("alice\n");
});

test("registry repo update sends what was given, and no more", async () => {
  await using registry = openFakeRegistry({ "PATCH /api/v1/repositories/acme%2Fapp": {} });
  const cli = new TestCli({ env: { WHARF_REGISTRY: registry.url } });
  const words = ["--public=false", "--retention", "tags=n-*,last=3", "acme/app"];
  expect(await run(cli, "registry repo update", words)).toBe(0);
  expect(registry.requests[0]).toEndWith(
    '{"public":false,"retention":[{"tags":"n-*","keepLast":3}]}',
  );
});

test("registry token ls prints a table, or JSON a line", async () => {
  const scopes = [{ type: "repository", name: "a/*", actions: ["pull", "push"] }];
  const answer = { tokens: [{ id: "1", name: "ci", scopes }] };
  await using registry = openFakeRegistry({ "GET /api/v1/tokens": answer });
  const env = { WHARF_REGISTRY: registry.url };
  const cli = new TestCli({ env });
  await run(cli, "registry token ls", []);
  expect(cli.output.text.split("\n")[0]).toMatch(/^ID +NAME +SCOPES +EXPIRES +USED$/);
  expect(cli.output.text).toContain("repository:a/*:pull,push");
  const json = new TestCli({ env });
  await run(json, "registry token ls", ["--format", "json"]);
  expect(JSON.parse(json.output.text)).toEqual(answer.tokens[0] ?? {});
});

test("a refusal is told in the registry's words", async () => {
  await using registry = openFakeRegistry({});
  const cli = new TestCli({ env: { WHARF_REGISTRY: registry.url } });
  const refused = run(cli, "registry user rm", ["alice"]);
  expect(await refused.catch((error: unknown) => String(error))).toContain("Error: not that");
});

test("parseRetentionRule() knows its limits", () => {
  expect(parseRetentionRule("tags=v*,pushed=30,pulled=7")).toEqual({
    tags: "v*",
    keepPushedDays: 30,
    keepPulledDays: 7,
  });
  expect(() => parseRetentionRule("keep=3")).toThrow("want tags=PATTERN");
});
