import { writeFileSync } from "node:fs";
import type { Semaphore } from "#base/async.ts";
import type { TargetFields } from "#bake/definition/target.ts";
import { linksOf, type Resolved } from "#bake/targets/resolve.ts";
import { CancelledError, UnsupportedError, WharfError } from "#base/errors.ts";
import type { BuildClient, BuildResponse } from "#build-client/build-client.ts";
import type { BuildInputs } from "#build-client/build-inputs.ts";
import type { BuildRequest } from "#build-client/build-request.ts";
import type { Cli } from "#cli/cli.ts";
import type { Environment } from "#cli/command/globals.ts";
import { fittedBuild } from "#cli/image/building/fitted-build.ts";
import type { BuildView } from "#cli/image/building/progress/build-view.ts";
import { unpackedResponse } from "#cli/image/building/results.ts";
import { planFor } from "#cli/image/building/run-build.ts";
import { IMAGE_CONFIG_KEY } from "#spec/buildkit/gateway.ts";
import { makesNothing, settingsOf } from "./settings.ts";
import { TargetFailedError } from "./target-failed-error.ts";
import { viewOfTarget } from "./target-view.ts";

const LINK = "target:";

/** What a target came to: for those that take files from it, and for the metadata file. */
interface BuiltTarget {
  readonly response: BuildResponse;
  readonly inputs: BuildInputs;
}

/** How targets are built, beyond what they say. */
export interface TargetsOptions {
  /** Targets that have to be there before one, beside those that it takes files from. */
  readonly before?: ReadonlyMap<string, readonly string[]>;
  /** In place of the client's environment. */
  readonly env?: Environment;
  /** Limits of steps: attributes that targets do not have. */
  readonly limits?: Readonly<Record<string, string>>;
  /** Bounds how many are built at once. */
  readonly slots?: Pick<Semaphore, "run">;
}

/**
 * Builds targets side by side; one that takes files from another waits for it. What is wrong with any on the client's side is
 * told before one is begun; after that the first failure ends the others.
 *
 * @returns What the exporters said of each, by target.
 * @throws {TargetFailedError} One has failed. {CancelledError} The user gave up.
 */
export async function buildTargets(
  cli: Cli,
  client: BuildClient,
  { targets }: Resolved,
  view: BuildView,
  { before, env, limits = {}, slots }: TargetsOptions = {},
): Promise<ReadonlyMap<string, BuildResponse>> {
  const isOneOfMany = targets.size > 1;
  const needed = new Set([...targets.values()].flatMap(({ fields }) => linksOf(fields)));
  const failing = new AbortController();
  const signal = AbortSignal.any([cli.interruption(), failing.signal]);
  const builds = new Map<string, Promise<BuiltTarget>>();
  await using stack = new AsyncDisposableStack();
  const plan = async (name: string, fields: TargetFields): Promise<BuildRequest> => {
    try {
      const settings = { ...settingsOf(fields), more: limits };
      const request = await planFor(cli, settings, stack, env);
      return makesNothing(fields) ? { ...request, outputs: [] } : request;
    } catch (error) {
      throw failureOf(name, error, isOneOfMany);
    }
  };
  const planned = await Promise.all(
    [...targets].map(async ([name, { fields }]) => [name, await plan(name, fields)] as const),
  );
  const requests = new Map(planned);
  const start = (name: string): Promise<BuiltTarget> => {
    const begun = builds.get(name);
    if (begun) return begun;
    const fields = targets.get(name)?.fields ?? {};
    const request = requests.get(name);
    if (!request) throw new UnsupportedError(`Cannot find target ${name}`);
    const others = new Map(linksOf(fields).map((other) => [other, start(other)]));
    const waited = [...others.values(), ...(before?.get(name) ?? []).map(start)];
    const build = buildOne(name, request, others, waited).catch((error: unknown) => {
      const failure = failureOf(name, error, isOneOfMany);
      failing.abort(failure);
      throw failure;
    });
    builds.set(name, build);
    return build;
  };
  const buildOne = async (
    name: string,
    request: BuildRequest,
    others: ReadonlyMap<string, Promise<BuiltTarget>>,
    waited: readonly Promise<BuiltTarget>[],
  ): Promise<BuiltTarget> => {
    await Promise.all(waited);
    const whole = await withInputs(request, others);
    const shown = isOneOfMany ? viewOfTarget(view, name) : view;
    const work = (): Promise<BuiltTarget> =>
      fittedBuild(cli, client, whole, signal, async (fitted) =>
        needed.has(name)
          ? await client.buildInput(fitted, shown, signal)
          : { response: await client.build(fitted, shown, signal), inputs: new Map() },
      );
    return await (slots ? slots.run(work) : work());
  };
  const all = [...targets.keys()].map(async (name) => {
    const { response } = await start(name);
    return [name, response] as const;
  });
  const results = await Promise.allSettled(all);
  if (failing.signal.aborted) throw failing.signal.reason;
  return new Map(results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
}

/** Which target has failed is said where there are several. */
function failureOf(name: string, error: unknown, isOneOfMany: boolean): unknown {
  const isKnown = error instanceof CancelledError || error instanceof TargetFailedError;
  if (isKnown || !(error instanceof WharfError)) return error;
  return new TargetFailedError(name, isOneOfMany, error);
}

/** With the results of other targets in place of their names. */
async function withInputs(
  request: BuildRequest,
  others: ReadonlyMap<string, Promise<BuiltTarget>>,
): Promise<BuildRequest> {
  if (others.size === 0) return request;
  const attributes = new Map(request.attributes);
  const inputs = new Map(request.inputs);
  for (const [attribute, place] of request.attributes) {
    if (!attribute.startsWith("context:") || !place.startsWith(LINK)) continue;
    const built = await others.get(place.slice(LINK.length));
    if (!built) throw new UnsupportedError(`Cannot take files from ${place}: it has no result`);
    attributes.delete(attribute);
    for (const [platform, { definition, config }] of built.inputs) {
      const base = attribute.slice("context:".length);
      const name = platform === "" ? base : `${base}::${platform}`;
      attributes.set(`context:${name}`, `input:${name}`);
      inputs.set(name, definition);
      if (config) attributes.set(`input-metadata:${name}`, inputMetadata(platform, config));
    }
  }
  return { ...request, attributes, inputs };
}

/** What the frontend is told of a result beside its files, as buildx tells it. */
function inputMetadata(platform: string, config: Uint8Array): string {
  const key = platform === "" ? IMAGE_CONFIG_KEY : `${IMAGE_CONFIG_KEY}/${platform}`;
  return JSON.stringify({ [key]: Buffer.from(config).toString("base64") });
}

/** The file of `--metadata-file`: what the exporters said of each target. */
export function writeBakeMetadata(
  path: string,
  responses: ReadonlyMap<string, BuildResponse>,
): void {
  const sorted = [...responses].toSorted(([left], [right]) => (left < right ? -1 : 1));
  const all = Object.fromEntries(
    sorted.map(([name, response]) => [name, unpackedResponse(response)]),
  );
  writeFileSync(path, JSON.stringify(all, undefined, 2));
}
