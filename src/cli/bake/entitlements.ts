import { existsSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import type { Entry } from "#bake/definition/entries.ts";
import type { TargetFields } from "#bake/definition/target.ts";
import { isRemote, type Resolved } from "#bake/targets/resolve.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { nearestWord } from "#base/nearest.ts";
import { dockerfileOf } from "./settings.ts";

/** What targets may do beyond the folder that the command is run in. */
interface Allowed {
  readonly names: ReadonlySet<string>;
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** One thing that targets ask for and nobody allowed. */
export interface Missing {
  /** `fs.read=../secret` */
  readonly entitlement: string;
  readonly description: string;
}

const NAMES = ["network.host", "security.insecure", "ssh", "fs.read", "fs.write", "fs", "image"];

/** @throws {InvalidArgumentError} An entitlement that there is not. */
function parseAllowed(texts: readonly string[], directory: string): Allowed {
  const names = new Set<string>();
  const read = [directory];
  const write = [directory];
  for (const text of texts) {
    const at = text.indexOf("=");
    const name = at < 0 ? text : text.slice(0, at);
    const value = at < 0 ? "" : text.slice(at + 1);
    const path = value === "*" ? "/" : resolve(directory, value);
    if (name === "fs" || name === "fs.read") read.push(path);
    if (name === "fs" || name === "fs.write") write.push(path);
    if (!NAMES.includes(name) && name !== "image.push" && name !== "image.load") {
      const near = nearestWord(name, NAMES);
      throw new InvalidArgumentError(
        `unknown entitlement key ${JSON.stringify(name)}${near === undefined ? "" : `; did you mean ${near}?`}`,
      );
    }
    names.add(name);
  }
  return { names, read: read.map(existing), write: write.map(existing) };
}

/** What of the path is there, links resolved. */
function existing(path: string): string {
  let at = path;
  while (!existsSync(at)) at = dirname(at);
  return realpathSync(at);
}

/**
 * What targets need that neither `--allow` nor a `--set` of the user's own grants.
 *
 * @param request.given `--set` values: who names a path himself allows it.
 * @param request.checkout A repository's own files, which its targets may read.
 */
export function missingEntitlements(
  { targets }: Resolved,
  request: {
    readonly allow: readonly string[];
    readonly given: readonly string[];
    readonly directory: string;
    readonly checkout?: string;
  },
): readonly Missing[] {
  const { directory, given, checkout } = request;
  const own = parseAllowed(request.allow, directory);
  const read = checkout === undefined ? own.read : [...own.read, existing(checkout)];
  const allowed = { ...own, read };
  const found = new Map<string, string>();
  const need = (kind: "read" | "write", path: string): void => {
    const whole = existing(resolve(directory, path));
    const isAllowed = allowed[kind].some(
      (base) => whole === base || whole.startsWith(base === "/" ? "/" : `${base}/`),
    );
    if (isAllowed || given.some((text) => text.includes(path))) return;
    const short = relative(directory, whole);
    const shown = short.startsWith("../../") ? whole : short;
    const what = kind === "read" ? "Read" : "Write";
    found.set(`fs.${kind}=${shown}`, `${what} access to path ${shown}`);
  };
  for (const { fields } of targets.values()) {
    for (const name of fields.entitlements ?? []) {
      if (allowed.names.has(name) || given.some((text) => text.endsWith(`=${name}`))) continue;
      if (name === "network.host") {
        found.set(name, "Running build containers that can access host network");
      } else if (name === "security.insecure") {
        found.set(name, "Running privileged containers that can make system changes");
      }
    }
    for (const path of pathsRead(fields)) need("read", path);
    for (const path of pathsWritten(fields)) need("write", path);
    const usesAgent = (fields.ssh ?? []).some(({ paths }) => paths === undefined);
    if (usesAgent && !allowed.names.has("ssh") && !given.some((text) => text.includes(".ssh"))) {
      found.set("ssh", "Forwarding default SSH agent socket");
    }
  }
  return [...found].map(([entitlement, description]) => ({ entitlement, description }));
}

function textOf(entry: Entry, name: string): readonly string[] {
  const value = entry[name];
  return typeof value === "string" ? [value] : Array.isArray(value) ? value.map(String) : [];
}

function pathsRead(fields: TargetFields): readonly string[] {
  const { context = ".", contexts = {} } = fields;
  const places = [context, ...Object.values(contexts)]
    .filter(
      (place) => !isRemote(place) && !/^(?:target|docker-image|oci-layout|input):/.test(place),
    )
    .map((place) => place.replace(/^cwd:\/\//, ""));
  const dockerfile = dockerfileOf(fields);
  const isThere = isRemote(dockerfile) || (isRemote(context) && !isAbsolute(dockerfile));
  const files = isThere || fields["dockerfile-inline"] !== undefined ? [] : [dockerfile];
  const caches = (fields["cache-from"] ?? []).filter(({ type }) => type === "local");
  return [
    ...places,
    ...files,
    ...caches.flatMap((entry) => textOf(entry, "src")),
    ...(fields.secret ?? []).flatMap((entry) => textOf(entry, "src")),
    ...(fields.ssh ?? []).flatMap((entry) => textOf(entry, "paths")),
  ];
}

function pathsWritten(fields: TargetFields): readonly string[] {
  const caches = (fields["cache-to"] ?? []).filter(({ type }) => type === "local");
  return [...caches, ...(fields.output ?? [])]
    .flatMap((entry) => textOf(entry, "dest"))
    .filter((path) => path !== "-");
}

/** What is missing, and how to allow it; as buildx tells it. */
export function missingText(missing: readonly Missing[], words: readonly string[]): string {
  const flags = missing.map(({ entitlement }) => `--allow=${entitlement}`).join(" ");
  return [
    "Your build is requesting privileges for following possibly insecure capabilities:",
    "",
    ...missing.map(({ description }) => ` - ${description}`),
    "",
    `Pass ${JSON.stringify(flags)} to grant requested privileges.`,
    "",
    "Your full command with requested privileges:",
    "",
    ["wharf bake", flags, ...words].join(" ").trimEnd(),
    "",
    "",
  ].join("\n");
}
