import { FailedPreconditionError, UnsupportedError } from "#base/errors.ts";
import { lintResultOf } from "#builder/checks/lint-result.ts";
import type { BuildEvent } from "#builder/events.ts";
import { openBuildFolders } from "#buildkit/session/build-folders.ts";
import { sessionCredentials } from "#buildkit/session/session-sources.ts";
import { lintText } from "#spec/buildkit/lint-result.ts";
import { outlineText, targetsText } from "#spec/buildkit/outline.ts";
import type { RunningBuild } from "./running-build.ts";
import type { SolveParts } from "./solve.ts";

const VERSION = "1.0.0";
/** What `frontend.subrequests.describe` tells, as docker's client knows them. */
const REQUESTS = [
  {
    name: "frontend.outline",
    version: VERSION,
    type: "rpc",
    description: "List all parameters current build target supports",
    opts: [{ name: "target", description: "Target build stage" }],
    metadata: [{ name: "result.json" }, { name: "result.txt" }],
  },
  {
    name: "frontend.targets",
    version: VERSION,
    type: "rpc",
    description: "List all targets current build supports",
    opts: [],
    metadata: [{ name: "result.json" }, { name: "result.txt" }],
  },
  {
    name: "frontend.lint",
    version: VERSION,
    type: "rpc",
    description: "Lint a Dockerfile",
    opts: [],
    metadata: [{ name: "result.json" }, { name: "result.txt" }, { name: "result.statuscode" }],
  },
  {
    name: "frontend.subrequests.describe",
    version: VERSION,
    type: "rpc",
    description: "List available subrequest types",
    metadata: [{ name: "result.json" }, { name: "result.txt" }],
  },
];

/** What a frontend is asked beside building: `frontend.lint` is `docker build --check`, the others `--call`. */
export async function answerSubrequest(
  parts: SolveParts,
  build: RunningBuild,
  attributes: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const request = attributes.get("requestid") ?? "";
  if (request === "frontend.subrequests.describe") return describeRequests();
  if (!REQUESTS.some(({ name }) => name === request)) {
    const names = REQUESTS.map(({ name }) => name).join(", ");
    throw new UnsupportedError(`unsupported subrequest ${request}: there are ${names}`);
  }
  const { session } = build;
  if (!session) throw new FailedPreconditionError("Cannot check without a session");
  const either = AbortSignal.any([signal, build.signal]);
  const onEvent = (event: BuildEvent): void => build.progress.take(event);
  await using stack = new AsyncDisposableStack();
  const locals = await openBuildFolders(parts, { session, attributes, onEvent, stack }, either);
  const asked = {
    attributes: Object.fromEntries(attributes),
    locals,
    credentials: sessionCredentials(session),
    onEvent,
  };
  if (request !== "frontend.lint") {
    const described = await parts.builder.describe(asked, either);
    const sources = [Buffer.from(described.source.text).toString("base64")];
    const isOutline = request === "frontend.outline";
    const answer = isOutline ? described.outline() : described.targets();
    return toMetadata({
      "result.json": JSON.stringify({ ...answer, sources }, undefined, 2),
      "result.txt": "targets" in answer ? targetsText(answer) : outlineText(answer),
      version: VERSION,
    });
  }
  const checked = await parts.builder.check(asked, either);
  const result = lintResultOf(checked);
  const status = result.warnings.length > 0 || result.buildError ? 1 : 0;
  return toMetadata({
    "result.json": JSON.stringify(result, undefined, 2),
    "result.txt": lintText(result),
    "result.statuscode": String(status),
    version: VERSION,
  });
}

function describeRequests(): ReadonlyMap<string, Uint8Array> {
  const rows = REQUESTS.map(
    ({ name, version, description }) =>
      `${name.replace(/^frontend\./, "").padEnd(21)}${version.padEnd(8)}${description}\n`,
  );
  return toMetadata({
    "result.json": JSON.stringify(REQUESTS, undefined, 2),
    "result.txt": `${"NAME".padEnd(21)}${"VERSION".padEnd(8)}DESCRIPTION\n${rows.join("")}`,
    version: VERSION,
  });
}

function toMetadata(texts: Readonly<Record<string, string>>): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));
}
