import { writeFileSync } from "node:fs";
import type { TargetFields } from "#bake/definition/target.ts";
import { linksOf, type Resolved } from "#bake/targets/resolve.ts";
import { UnsupportedError } from "#base/errors.ts";
import type { BuildClient, BuildResponse } from "#build-client/build-client.ts";
import type { BuildRequest } from "#build-client/build-request.ts";
import type { Cli } from "#cli/cli.ts";
import type { BuildView } from "#cli/image/building/progress/build-view.ts";
import { unpackedResponse } from "#cli/image/building/results.ts";
import { planFor } from "#cli/image/building/run-build.ts";
import { makesNothing, settingsOf } from "./settings.ts";
import { viewOfTarget } from "./target-view.ts";

const LINK = "target:";

/** What a target came to: for those that take files from it, and for the metadata file. */
interface BuiltTarget {
  readonly response: BuildResponse;
  readonly input: Awaited<ReturnType<BuildClient["buildInput"]>>["input"] | undefined;
}

/**
 * Builds targets side by side; one that takes files from another waits for it. The first failure ends the others.
 *
 * @returns What the exporters said of each, by target.
 */
export async function buildTargets(
  cli: Cli,
  client: BuildClient,
  { targets }: Resolved,
  view: BuildView,
): Promise<ReadonlyMap<string, BuildResponse>> {
  const needed = new Set([...targets.values()].flatMap(({ fields }) => linksOf(fields)));
  const failing = new AbortController();
  const signal = AbortSignal.any([cli.interruption(), failing.signal]);
  const builds = new Map<string, Promise<BuiltTarget>>();
  await using stack = new AsyncDisposableStack();
  const start = (name: string, fields: TargetFields): Promise<BuiltTarget> => {
    const begun = builds.get(name);
    if (begun) return begun;
    const others = linksOf(fields).map((other): [string, Promise<BuiltTarget>] => {
      const linked = targets.get(other);
      if (!linked) throw new UnsupportedError(`Cannot find target ${other}`);
      return [other, start(other, linked.fields)];
    });
    const build = buildOne(name, fields, new Map(others)).catch((error: unknown) => {
      failing.abort(error);
      throw error;
    });
    builds.set(name, build);
    return build;
  };
  const buildOne = async (
    name: string,
    fields: TargetFields,
    others: ReadonlyMap<string, Promise<BuiltTarget>>,
  ): Promise<BuiltTarget> => {
    const planned = await planFor(cli, settingsOf(fields), stack);
    const request = await withInputs(
      makesNothing(fields) ? { ...planned, outputs: [] } : planned,
      others,
    );
    const shown = viewOfTarget(view, name);
    if (!needed.has(name)) {
      return { response: await client.build(request, shown, signal), input: undefined };
    }
    return await client.buildInput(request, shown, signal);
  };
  const all = [...targets].map(async ([name, { fields }]) => {
    const { response } = await start(name, fields);
    return [name, response] as const;
  });
  const results = await Promise.allSettled(all);
  if (failing.signal.aborted) throw failing.signal.reason;
  return new Map(results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
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
    const { input } = (await others.get(place.slice(LINK.length))) ?? {};
    if (!input) throw new UnsupportedError(`Cannot take files from ${place}: it has no result`);
    const name = attribute.slice("context:".length);
    attributes.set(attribute, `input:${name}`);
    inputs.set(name, input.definition);
    if (input.config) {
      const config = Buffer.from(input.config).toString("base64");
      const metadata = JSON.stringify({ "containerimage.config": config });
      attributes.set(`input-metadata:${name}`, metadata);
    }
  }
  return { ...request, attributes, inputs };
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
