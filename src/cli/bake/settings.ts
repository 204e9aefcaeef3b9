import { isAbsolute, join } from "node:path";
import type { Entry } from "#bake/definition/entries.ts";
import type { TargetFields } from "#bake/definition/target.ts";
import { isRemote } from "#bake/targets/resolve.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import type { BuildSettings } from "#build-client/plan/settings.ts";
import { resourceFlags } from "#cli/container/create-request/resources.ts";
import type { Ulimit } from "#spec/engine-api/host-config.ts";

/** Outputs that make nothing: the steps are done, and stay cached. */
const NOTHING = "cacheonly";

/** A target as the flags of a build would say it. @throws {InvalidArgumentError} A size or limit that is none. */
export function settingsOf(fields: TargetFields): BuildSettings {
  const context = fields.context ?? ".";
  const file = dockerfileOf(fields);
  const inline = fields["dockerfile-inline"];
  return {
    context,
    ...(inline === undefined ? { file } : { dockerfileText: inline }),
    addHosts: pairs(fields["extra-hosts"], ":"),
    allow: fields.entitlements ?? [],
    annotations: fields.annotations ?? [],
    attests: (fields.attest ?? []).map(entryText),
    buildArgs: pairs(fields.args, "="),
    contexts: pairs(fields.contexts, "=").map((one) => one.replace("=cwd://", "=")),
    cacheFrom: (fields["cache-from"] ?? []).map(entryText),
    cacheTo: (fields["cache-to"] ?? []).map(entryText),
    labels: pairs(fields.labels, "="),
    ...(fields.network === undefined ? {} : { network: fields.network }),
    hasNoCache: fields["no-cache"] ?? false,
    noCacheFilter: fields["no-cache-filter"] ?? [],
    outputs: (fields.output ?? []).filter(({ type }) => type !== NOTHING).map(entryText),
    platforms: fields.platforms ?? [],
    pulls: fields.pull ?? false,
    secrets: (fields.secret ?? []).map(entryText),
    ssh: (fields.ssh ?? []).map(sshText),
    ...(fields["shm-size"] === undefined ? {} : { shmSizeBytes: shmSize(fields["shm-size"]) }),
    tags: fields.tags ?? [],
    ...(fields.target === undefined ? {} : { target: fields.target }),
    ulimits: (fields.ulimits ?? []).reduce<readonly Ulimit[]>(
      (before, text) => resourceFlags.ulimit.parse(text, before),
      [],
    ),
  };
}

/** Whether nothing is to be made of the target but its steps. */
export function makesNothing({ output = [] }: TargetFields): boolean {
  return output.length > 0 && output.every(({ type }) => type === NOTHING);
}

/** The Dockerfile's path from here: in the context, unless it says otherwise. */
export function dockerfileOf({ context = ".", dockerfile = "Dockerfile" }: TargetFields): string {
  if (dockerfile.startsWith("cwd://")) return dockerfile.slice("cwd://".length);
  const isElsewhere = isRemote(context) || isRemote(dockerfile) || isAbsolute(dockerfile);
  return isElsewhere ? dockerfile : join(context, dockerfile);
}

function shmSize(text: string): number {
  try {
    return parseBinarySize(text);
  } catch (cause) {
    throw new InvalidArgumentError(`invalid value ${text} for membytes key shm-size`, { cause });
  }
}

function pairs(map: Readonly<Record<string, string>> = {}, between: string): readonly string[] {
  return Object.entries(map).map(([name, value]) => `${name}${between}${value}`);
}

/** `type=registry,ref=…`, with quotes around what has a comma. */
function entryText(entry: Entry): string {
  return Object.entries(entry)
    .map(([name, value]) => {
      const text = `${name}=${String(value)}`;
      return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(",");
}

function sshText({ id, paths }: Entry): string {
  return Array.isArray(paths) ? `${String(id)}=${paths.join(",")}` : String(id);
}
