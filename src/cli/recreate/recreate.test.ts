import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CreateOutcome, wordsOutcome } from "#cli/container/testing/create-outcome.ts";
import type { ContainerCreateRequest } from "#spec/engine-api/container-create.ts";
import { composeFile, composeRemarks } from "./compose-file.ts";
import { runWords, toRunLine } from "./run-line.ts";
import { inspected, readRequest } from "./testing/inspected.ts";
import { schemaProblems } from "./testing/json-schema.ts";
import { planWish, type Wish } from "./wish.ts";

const recordedFile = new URL("../container/testdata/create-outcomes.json", import.meta.url);
const recorded = JSON.parse(readFileSync(recordedFile, "utf8")) as readonly CreateOutcome[];
const schemaFile = new URL("../../../test/reference/compose-spec.json", import.meta.url);
const composeSchema: unknown = JSON.parse(readFileSync(schemaFile, "utf8"));

const dir = mkdtempSync(join(tmpdir(), "recreate-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** Requests that the engine itself accepts. */
const accepted = recorded.filter(({ request }) => {
  if (!request) return false;
  try {
    readRequest(request);
    return true;
  } catch {
    return false;
  }
});

/** The words with their files written. */
function withFiles(wish: Wish): readonly string[] {
  return runWords(wish).map((word) => {
    if (typeof word === "string") return word;
    const file = join(dir, "profile.json");
    writeFileSync(file, word.content);
    return word.before + file;
  });
}

/** What does not come back: the ID's file, the terminal's size, a variable that another one hides. */
function comparable(request: ContainerCreateRequest): object {
  const { config, hostConfig, networkingConfig } = request;
  const { EndpointsConfig } = networkingConfig;
  return {
    config: {
      ...config,
      Env: [...new Map(config.Env.map((one) => [one.split("=")[0], one])).values()],
    },
    hostConfig: { ...hostConfig, ContainerIDFile: "", ConsoleSize: [0, 0] },
    EndpointsConfig,
  };
}

test("the recorded command lines hold enough that the engine accepts", () => {
  expect(accepted.length).toBeGreaterThan(90);
});

for (const { line, request } of accepted) {
  test(`runWords() says again: ${line}`, async () => {
    const wish = planWish(inspected(request));
    const [, ...words] = withFiles(wish);
    const again = await wordsOutcome(["create", ...words.filter((word) => word !== "-d")], false);
    expect(again.code).toBe(0);
    expect(comparable(readRequest(again.request))).toEqual(comparable(readRequest(request)));
  });

  test(`composeFile() keeps to the specification: ${line}`, () => {
    const text = composeFile([planWish(inspected(request))]);
    const file: unknown = Bun.YAML.parse(text);
    expect({ text, problems: schemaProblems(composeSchema, file) }).toEqual({ text, problems: [] });
  });
}

function lineOf(line: string): CreateOutcome["request"] {
  return recorded.find((one) => one.line === line)?.request;
}

test("toRunLine() of a plain container has its name, image and no default", () => {
  expect(toRunLine(planWish(inspected(lineOf("create --name web busybox"))))).toBe(
    "wharf run --name web busybox",
  );
});

test("toRunLine() leaves out what the image gives", () => {
  const request = {
    query: { name: "web" },
    body: {
      Image: "nginx",
      Env: ["PATH=/bin", "A=own"],
      Entrypoint: ["/entry", "x"],
      Cmd: ["serve"],
      Labels: { from: "image", own: "it's" },
      WorkingDir: "/srv",
      User: "www",
      StopSignal: "SIGQUIT",
      ExposedPorts: { "80/tcp": {}, "443/tcp": {} },
      Volumes: { "/data": {} },
      Healthcheck: { Test: ["CMD", "check"], Retries: 5 },
      AttachStdout: false,
    },
  };
  const image = {
    Config: {
      Env: ["PATH=/bin", "A=image"],
      Entrypoint: ["/entry", "x"],
      Cmd: ["serve"],
      Labels: { from: "image" },
      WorkingDir: "/srv",
      User: "www",
      StopSignal: "SIGQUIT",
      ExposedPorts: { "80/tcp": {} },
      Volumes: { "/data": {} },
      Healthcheck: { Test: ["CMD", "check"], Retries: 3 },
    },
  };
  expect(toRunLine(planWish(inspected(request, image)))).toBe(
    "wharf run --name web -d -e A=own --label 'own=it'\\''s' --expose 443 --health-retries 5 nginx",
  );
  const taken = { ...request, body: { ...request.body, Entrypoint: null, Cmd: ["sh"] } };
  expect(toRunLine(planWish(inspected(taken, image)))).toContain("--entrypoint '' nginx sh");
  const other = {
    ...request,
    body: { ...request.body, Entrypoint: ["/b", "-c"], Cmd: ["echo hi"] },
  };
  expect(toRunLine(planWish(inspected(other, image)))).toContain(
    "--entrypoint /b nginx -c 'echo hi'",
  );
});

test("toRunLine() names the platform of an image for other machines, and breaks long lines", () => {
  const wish = planWish(
    inspected(lineOf("create busybox"), { Architecture: "arm64", Os: "linux" }),
  );
  expect(toRunLine(wish)).toContain("--platform linux/arm64 busybox");
  const long = { query: {}, body: { Image: "i", Env: ["A".repeat(60), "B".repeat(60)] } };
  expect(toRunLine(planWish(inspected(long)))).toBe(
    `wharf run --name some_name -d -e ${"A".repeat(60)} \\\n  -e ${"B".repeat(60)} i`,
  );
});

test("composeFile() guards dollars and words that YAML takes for something else", () => {
  const body = { Image: "busybox", Env: ["A=$HOME"], Cmd: ["echo", "no", "012", "a: b", "${X}"] };
  const text = composeFile([planWish(inspected({ query: {}, body }))]);
  expect(Bun.YAML.parse(text)).toMatchObject({
    services: {
      some_name: { environment: ["A=$$HOME"], command: ["echo", "no", "012", "a: b", "$${X}"] },
    },
  });
});

test("composeFile() leaves the text of a seccomp profile out, and composeRemarks() says so", () => {
  const wish = planWish(
    inspected(lineOf("create --security-opt seccomp=DIR/seccomp.json busybox")),
  );
  expect(composeFile([wish])).not.toContain("seccomp");
  expect(composeRemarks(wish)).toEqual([
    "the text of its seccomp profile: write it to a file for security_opt",
  ]);
});
