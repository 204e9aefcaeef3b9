import { readFileSync, statSync } from "node:fs";
import { InvalidArgumentError, messageOf, UnsupportedError } from "#base/errors.ts";
import { silence } from "#cli/image/pull.ts";
import type { Cli } from "#cli/cli.ts";
import { ExitError } from "#cli/exit-error.ts";
import { tellChecks } from "#cli/image/building/check-report.ts";
import { type BuildContext, readContext } from "#cli/image/building/context.ts";
import { folderIdentity, isBesideWharf, sendBuild } from "#cli/image/building/send.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";
import type { Output } from "#cli/output/streams.ts";
import { registryConfigHeaders } from "#cli/registry-auth.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import {
  type BuildOptions,
  type BuildRequest,
  buildRequest,
  type SecretPlace,
} from "#compose/build/request.ts";
import {
  type BuildTarget,
  builtBefore,
  dockerfilePath,
  isRemoteContext,
} from "#compose/build/targets.ts";
import type { Project } from "#compose/model/project.ts";
import { prefixedOutput } from "./prefixed-output.ts";

export interface ImageBuild {
  readonly project: Project;
  readonly targets: ReadonlyMap<string, BuildTarget>;
  readonly options: BuildOptions;
  readonly isQuiet: boolean;
}

/**
 * Builds images through the engine, all at once but for those that are made of others.
 *
 * @throws {ExitError} A build has failed, in the engine's words; those that go on are left to their end.
 */
export async function buildImages(
  cli: Cli,
  parts: ActParts,
  { project, targets, options, isQuiet }: ImageBuild,
): Promise<void> {
  const before = builtBefore(targets, dockerfileText);
  // what cannot be built is told of before anything is
  const requests = new Map(
    [...targets].map(([name, target]) => [
      name,
      buildRequest(project, target, { ...options, proxies: parts.proxies }),
    ]),
  );
  for (const { unused } of requests.values()) {
    for (const key of unused) {
      cli.errors.write(`WARNING: ${key} is not used: steps are cached by the engine alone\n`);
    }
  }
  const engine = await cli.engine();
  const done = new Map<string, Promise<void>>();
  const build = (name: string): Promise<void> => {
    const known = done.get(name);
    if (known) return known;
    const promise = (async () => {
      await Promise.all((before.get(name) ?? []).map(build));
      const [target, request] = [targets.get(name), requests.get(name)];
      if (!target || !request) return;
      await parts.slots.run(async () => {
        const { image } = target;
        parts.onProgress({ kind: "Image", name: image, status: "Building" });
        if (!parts.isDryRun) {
          using output = outputFor(cli, name, isQuiet, targets.size);
          await buildOne(cli, engine, { target, request, output });
        }
        parts.onProgress({ kind: "Image", name: image, status: "Built" });
      });
    })();
    done.set(name, promise);
    return promise;
  };
  const settled = await Promise.allSettled([...targets.keys()].map(build));
  const failed = settled.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}

/**
 * Holds Dockerfiles against the build checks, without building.
 *
 * @returns 1 where one has findings.
 */
export async function checkBuilds(
  cli: Cli,
  { project, targets, options }: ImageBuild,
): Promise<number> {
  const engine = await cli.engine();
  let exitCode = 0;
  for (const target of targets.values()) {
    const request = buildRequest(project, target, options);
    const query = { ...request.query, call: "check" };
    using stack = new DisposableStack();
    const messages = await startBuild(cli, engine, target, { ...request, query }, stack);
    exitCode = Math.max(exitCode, await tellChecks(cli, messages, "text"));
  }
  return exitCode;
}

function outputFor(cli: Cli, name: string, isQuiet: boolean, count: number): Output & Disposable {
  if (!isQuiet && count > 1) return prefixedOutput(cli.output, `[${name}] `);
  return { ...(isQuiet ? silence : passedOn(cli.output)), [Symbol.dispose]: () => undefined };
}

function passedOn(output: Output): Output {
  return {
    write: (data) => output.write(data),
    pump: (data) => output.pump(data),
    isTerminal: output.isTerminal,
    windowSize: () => output.windowSize(),
  };
}

interface OneBuild {
  readonly target: BuildTarget;
  readonly request: BuildRequest;
  readonly output: Output;
}

async function buildOne(
  cli: Cli,
  engine: EngineClient,
  { target, request, output }: OneBuild,
): Promise<void> {
  using stack = new DisposableStack();
  try {
    const messages = await startBuild(cli, engine, target, request, stack);
    await showProgress(messages, output);
  } catch (error) {
    throw new ExitError(`service ${JSON.stringify(target.name)}: ${messageOf(error)}`, 1, {
      cause: error,
    });
  }
}

async function startBuild(
  cli: Cli,
  engine: EngineClient,
  target: BuildTarget,
  request: BuildRequest,
  stack: DisposableStack,
): Promise<AsyncIterable<ProgressMessage>> {
  const context = await contextOf(target, stack);
  const extras = await extrasOf(cli, engine, target.name, request);
  return await sendBuild(engine, context, {
    query: { ...request.query, ...extras.query },
    headers: { ...(await registryConfigHeaders(cli)), ...extras.headers },
    isCompressed: false,
    standardInput: () => cli.input.chunks(),
  });
}

async function contextOf({ build }: BuildTarget, stack: DisposableStack): Promise<BuildContext> {
  const { context = ".", dockerfile_inline: inline } = build;
  const file = inline === undefined ? dockerfilePath(build) : "-";
  if (inline !== undefined && isRemoteContext(context)) {
    throw new UnsupportedError("dockerfile_inline cannot go with a context that is elsewhere");
  }
  async function* text(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode(inline ?? "");
  }
  return await readContext(context, file, text, stack);
}

/** The Dockerfile, where it is here: for the order of builds alone, so that what cannot be read is no matter yet. */
function dockerfileText({ build }: BuildTarget): string | undefined {
  if (build.dockerfile_inline !== undefined) return build.dockerfile_inline;
  if (isRemoteContext(build.context ?? ".")) return undefined;
  try {
    return readFileSync(dockerfilePath(build), "utf8");
  } catch {
    return undefined; // the build itself says why
  }
}

/** Bytes of all secrets: they go in a header. */
const SECRETS_MAX_BYTES = 32 * 1024;

interface Extras {
  readonly query: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * What Docker's API has no place for.
 *
 * @throws {UnsupportedError} The engine is another's, or on another host.
 */
async function extrasOf(
  cli: Cli,
  engine: EngineClient,
  name: string,
  { contexts, folders, secrets, ssh, entitlements }: BuildRequest,
): Promise<Extras> {
  const used = [
    ...(contexts.size + folders.size > 0 ? ["additional_contexts"] : []),
    ...(secrets.size > 0 ? ["secrets"] : []),
    ...(ssh.size > 0 ? ["ssh"] : []),
    ...(entitlements.length > 0 ? ["entitlements"] : []),
  ];
  if (used.length === 0) return { query: {}, headers: {} };
  if (!(await isBesideWharf(engine))) {
    throw new UnsupportedError(
      `services.${name}.build.${used[0] ?? ""}: only a Wharf engine on this host can be given it`,
    );
  }
  const named = new Map(contexts);
  for (const folder of folders.keys()) named.set(folder, `local:${folder}`);
  const json = (map: ReadonlyMap<string, unknown>): string | undefined =>
    map.size === 0 ? undefined : JSON.stringify(Object.fromEntries(map));
  const seen = [...folders].map(([id, path]): [string, object] => [id, seenFolder(name, id, path)]);
  return {
    query: {
      contexts: json(named),
      folders: json(new Map(seen)),
      sshagents: json(new Map([...ssh].map(([id, path]) => [id, agentPath(cli, id, path)]))),
      entitlements,
    },
    headers: secrets.size === 0 ? {} : { "X-Wharf-Build-Secrets": secretsHeader(secrets) },
  };
}

function seenFolder(name: string, id: string, path: string): object {
  try {
    return { path, identity: folderIdentity(path) };
  } catch (cause) {
    throw new InvalidArgumentError(
      `services.${name}.build.additional_contexts.${id}: path ${JSON.stringify(path)} not found`,
      { cause },
    );
  }
}

function secretsHeader(secrets: ReadonlyMap<string, SecretPlace>): string {
  const contents = [...secrets].map(([id, place]): [string, Buffer] => [
    id,
    place.kind === "file" ? readFileSync(place.path) : Buffer.from(place.text),
  ]);
  const bytes = contents.reduce((sum, [, content]) => sum + content.length, 0);
  if (bytes > SECRETS_MAX_BYTES) {
    throw new UnsupportedError(
      `secrets of a build have ${bytes} bytes: at most ${SECRETS_MAX_BYTES} can be sent`,
    );
  }
  const packed = contents.map(([id, content]) => [id, content.toString("base64")]);
  return Buffer.from(JSON.stringify(Object.fromEntries(packed))).toString("base64url");
}

/** The agent's socket. @throws {UnsupportedError} No agent is meant, but a key. */
function agentPath(cli: Cli, id: string, path: string): string {
  const agent = path || cli.env["SSH_AUTH_SOCK"];
  if (!agent) {
    throw new InvalidArgumentError(`ssh ${id}: SSH_AUTH_SOCK is not set: no agent runs`);
  }
  if (statSync(agent, { throwIfNoEntry: false })?.isSocket()) return agent;
  throw new UnsupportedError(`ssh ${id}: ${agent} is no agent's socket: add the key by ssh-add`);
}
