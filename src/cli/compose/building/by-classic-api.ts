import { messageOf, UnsupportedError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import type { CommandParts } from "#cli/compose/project/surroundings.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { tellChecks } from "#cli/image/building/check-report.ts";
import { type BuildContext, readContext } from "#cli/image/building/context.ts";
import { sendBuild } from "#cli/image/building/send.ts";
import { silence } from "#cli/image/pull.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";
import type { Output } from "#cli/output/streams.ts";
import { registryConfigHeaders } from "#cli/registry-auth.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { type ClassicQuery, classicQuery } from "#compose/build/classic-request.ts";
import { type BuildTarget, dockerfilePath, isRemoteContext } from "#compose/build/targets.ts";
import { pushImages } from "#cli/compose/pulling/push-images.ts";
import type { ImageBuild } from "./image-build.ts";
import { prefixedOutput } from "./prefixed-output.ts";

/**
 * Builds images by `POST /build`, all at once but for those that are made of others.
 *
 * @throws {ExitError} A build has failed, in the engine's words; those that go on are left to their end.
 */
export async function buildByClassicApi(
  cli: Cli,
  parts: CommandParts,
  { project, targets, options, isQuiet, before }: ImageBuild,
): Promise<void> {
  const queries = new Map(
    [...targets].map(([name, target]) => [
      name,
      classicQuery(project, target, options, parts.proxies),
    ]),
  );
  const engine = await cli.engine();
  const done = new Map<string, Promise<void>>();
  const build = (name: string): Promise<void> => {
    const known = done.get(name);
    if (known) return known;
    const promise = (async () => {
      await Promise.all((before.get(name) ?? []).map(build));
      const [target, query] = [targets.get(name), queries.get(name)];
      if (!target || !query) return;
      await parts.slots.run(async () => {
        using output = outputFor(cli, name, isQuiet, targets.size);
        await buildOne(cli, engine, { target, query, output });
      });
    })();
    done.set(name, promise);
    return promise;
  };
  const settled = await Promise.allSettled([...targets.keys()].map(build));
  const failed = settled.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
  if (!options.isPushed) return;
  const named = [...targets.values()].filter(({ service }) => service.image !== undefined);
  await pushImages(
    named.map(({ name, image, build: { tags = [] } }) => ({ name, images: [...tags, image] })),
    parts,
    { ignoresFailures: false, isQuiet },
  );
}

/** Holds Dockerfiles against the build checks, without building. @returns 1 where one has findings. */
export async function checkByClassicApi(
  cli: Cli,
  parts: CommandParts,
  { project, targets, options }: ImageBuild,
): Promise<number> {
  const engine = await cli.engine();
  let exitCode = 0;
  for (const target of targets.values()) {
    const query = { ...classicQuery(project, target, options, parts.proxies), call: "check" };
    using stack = new DisposableStack();
    const messages = await startBuild(cli, engine, target, query, stack);
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
  readonly query: ClassicQuery;
  readonly output: Output;
}

async function buildOne(
  cli: Cli,
  engine: EngineClient,
  { target, query, output }: OneBuild,
): Promise<void> {
  using stack = new DisposableStack();
  try {
    const messages = await startBuild(cli, engine, target, query, stack);
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
  query: ClassicQuery,
  stack: DisposableStack,
): Promise<AsyncIterable<ProgressMessage>> {
  const context = await contextOf(target, stack);
  return await sendBuild(engine, context, {
    query,
    headers: await registryConfigHeaders(cli),
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
