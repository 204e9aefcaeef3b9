import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { BuildOutput, BuildRequest, OutputPlace } from "#build-client/build-request.ts";
import { parseAgent } from "#build-client/options/agents.ts";
import { type AgentSource, openAgentSource } from "#build-client/ssh/open-agent.ts";
import { parseAnnotation } from "#build-client/options/annotations.ts";
import { parseCache } from "#build-client/options/caches.ts";
import {
  isImageOutput,
  type OutputWish,
  parseOutput,
  withShorthands,
} from "#build-client/options/outputs.ts";
import { parseSecret } from "#build-client/options/secrets.ts";
import { formatImageReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";
import { planAttributes } from "./attributes.ts";
import { planCaches } from "./local-caches.ts";
import { planContexts } from "./contexts.ts";
import type { BuildSettings, PlanParts } from "./settings.ts";

/**
 * Turns what a user says into what an engine is asked. Nothing is sent yet; all that can be wrong here is found here.
 *
 * @param stack Takes away what is made for the build on the client's side: dispose of it after the build.
 * @throws {InvalidArgumentError} {FailedPreconditionError} In docker's words.
 */
export async function planBuild(
  settings: BuildSettings,
  parts: PlanParts,
  stack: AsyncDisposableStack,
): Promise<BuildRequest> {
  const { env } = parts;
  const outputs = planOutputs(settings, parts);
  const attributes = planAttributes(settings, parts);
  const hasFile = (path: string): boolean =>
    statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  const secrets = new Map(
    (settings.secrets ?? []).map((text) => parseSecret(text, { env, hasFile })),
  );
  const caches = planCaches(
    (settings.cacheFrom ?? []).map(parseCache),
    (settings.cacheTo ?? []).map(parseCache),
    parts.onNotice ?? (() => undefined),
  );
  const agents = await planAgents(settings.ssh ?? [], env["SSH_AUTH_SOCK"]);
  const contexts = await planContexts(settings, parts, stack);
  return {
    attributes: new Map([...attributes, ...contexts.attributes]),
    folders: contexts.folders,
    uploads: contexts.uploads,
    secrets,
    agents,
    outputs,
    stores: new Map([...caches.stores, ...contexts.stores]),
    cacheImports: caches.imports,
    cacheExports: caches.exports,
    entitlements: planEntitlements(settings),
  };
}

const ENTITLEMENTS: ReadonlySet<string> = new Set(["network.host", "security.insecure", "device"]);

function planEntitlements({ allow = [], network }: BuildSettings): readonly string[] {
  for (const one of allow) {
    const [name = ""] = one.split("=", 1);
    if (!ENTITLEMENTS.has(name)) throw new InvalidArgumentError(`unknown entitlement ${one}`);
  }
  // who asks for the whole build to be in the host's network has allowed it
  return [...new Set([...allow, ...(network === "host" ? ["network.host"] : [])])];
}

async function planAgents(
  texts: readonly string[],
  defaultSocket: string | undefined,
): Promise<ReadonlyMap<string, AgentSource>> {
  const agents = new Map<string, AgentSource>();
  for (const text of texts) {
    const { id, paths } = parseAgent(text, defaultSocket);
    try {
      agents.set(id, await openAgentSource(paths));
    } catch (cause) {
      throw new InvalidArgumentError(
        `failed to convert agent config for ID ${JSON.stringify(id)}: ${messageOf(cause)}`,
        { cause },
      );
    }
  }
  return agents;
}

/** @throws {InvalidArgumentError} A tag that is none, or a push of what has no name. */
function planOutputs(
  settings: BuildSettings,
  { output }: Pick<PlanParts, "output">,
): readonly BuildOutput[] {
  const { tags = [], outputs = [], pushes = false, loads = false } = settings;
  const wishes = withShorthands(outputs.map(parseOutput), { pushes, loads });
  const names = tags.map(fullName).join(",");
  const annotations = (settings.annotations ?? []).flatMap(parseAnnotation);
  const all: readonly OutputWish[] =
    wishes.length > 0 ? wishes : [{ type: "moby", attributes: new Map(), destination: undefined }];
  return all.map((wish) => {
    const place = placeOf(wish, output);
    // an archive is brought to the engine's images where no place is named
    const type = wish.type === "docker" && place.kind === "engine" ? "moby" : wish.type;
    if (!isImageOutput(wish)) {
      if (annotations.length > 0 && wish.type !== "local" && wish.type !== "tar") {
        throw new InvalidArgumentError(`annotations cannot be given to output ${wish.type}`);
      }
      return { type, attributes: wish.attributes, place };
    }
    const attributes = new Map([
      ...wish.attributes,
      ...(names === "" ? [] : [["name", names] as const]),
      ...annotations,
    ]);
    if (attributes.get("push") === "true" && (attributes.get("name") ?? "") === "") {
      throw new InvalidArgumentError("tag is needed when pushing to registry");
    }
    return { type, attributes, place };
  });
}

function fullName(tag: string): string {
  try {
    return formatImageReference(withDefaultTag(parseImageReference(tag)));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "";
    throw new InvalidArgumentError(`invalid tag ${JSON.stringify(tag)}: ${reason}`, { cause });
  }
}

function placeOf({ type, destination }: OutputWish, output: PlanParts["output"]): OutputPlace {
  switch (type) {
    case "local":
      return { kind: "folder", path: resolve(destination ?? "") };
    case "docker":
      if (!destination) return { kind: "engine" };
      return archivePlace(type, destination, output);
    case "tar":
    case "oci":
      return archivePlace(type, destination ?? "-", output);
    default:
      return { kind: "engine" };
  }
}

function archivePlace(type: string, destination: string, output: PlanParts["output"]): OutputPlace {
  if (destination === "-") {
    if (output) return { kind: "stream", write: output };
    throw new InvalidArgumentError(
      `dest file is required for ${type} exporter. refusing to write to console`,
    );
  }
  const path = isAbsolute(destination) ? destination : resolve(destination);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InvalidArgumentError(`invalid destination file: ${destination} is a directory`);
  }
  return { kind: "file", path };
}
