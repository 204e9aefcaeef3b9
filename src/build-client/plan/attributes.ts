import { InvalidArgumentError } from "#base/errors.ts";
import { attestAttributes } from "#build-client/options/attests.ts";
import type { BuildSettings, PlanParts } from "./settings.ts";

type Attributes = readonly (readonly [name: string, value: string])[];

/**
 * What the frontend is told of a build, but for its contexts.
 *
 * @throws {InvalidArgumentError} In buildx's words.
 */
export function planAttributes(
  settings: BuildSettings,
  { env, proxyArgs = {} }: Pick<PlanParts, "env" | "proxyArgs">,
): Attributes {
  const { ulimits = [], addHosts = [], platforms = [], noCacheFilter = [] } = settings;
  if (settings.hasNoCache && noCacheFilter.length > 0) {
    throw new InvalidArgumentError(
      "--no-cache and --no-cache-filter cannot currently be used together",
    );
  }
  const limits = ulimits.map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`);
  const network = settings.network ?? "default";
  const optional = (name: string, value: string | undefined): Attributes =>
    value ? [[name, value]] : [];
  return [
    ...optional("target", settings.target),
    ...optional("platform", platforms.flatMap((text) => text.split(",")).join(",")),
    ...(settings.hasNoCache ? [["no-cache", ""] as const] : []),
    ...optional("no-cache", noCacheFilter.join(",")),
    ...optional("image-resolve-mode", settings.pulls ? "pull" : ""),
    ...optional("add-hosts", addHosts.map(toHost).join(",")),
    ...optional("cgroup-parent", settings.cgroupParent),
    ...optional("shm-size", settings.shmSizeBytes ? String(settings.shmSizeBytes) : ""),
    ...optional("ulimit", limits.join(",")),
    ...optional("force-network-mode", network === "default" ? "" : network),
    ...Object.entries(settings.more ?? {}),
    ...buildArgs(settings.buildArgs ?? [], env, proxyArgs),
    ...(settings.labels ?? []).map((text): readonly [string, string] => {
      const at = text.indexOf("=");
      return at < 0 ? [`label:${text}`, ""] : [`label:${text.slice(0, at)}`, text.slice(at + 1)];
    }),
    ...attestAttributes({
      attests: settings.attests ?? [],
      provenance: settings.provenance ?? "",
      sbom: settings.sbom ?? "",
    }),
  ];
}

/** What is given goes before the environment's `SOURCE_DATE_EPOCH` and the configuration's proxies. */
function buildArgs(
  given: readonly string[],
  env: PlanParts["env"],
  proxyArgs: Readonly<Record<string, string>>,
): Attributes {
  const found = new Map(Object.entries(proxyArgs));
  const epoch = env["SOURCE_DATE_EPOCH"];
  if (epoch) found.set("SOURCE_DATE_EPOCH", epoch);
  for (const text of given) {
    const at = text.indexOf("=");
    const name = at < 0 ? text : text.slice(0, at);
    const value = at < 0 ? env[name] : text.slice(at + 1);
    if (value === undefined) found.delete(name);
    else found.set(name, value);
  }
  return [...found].map(([name, value]) => [`build-arg:${name}`, value]);
}

/** `host:ip` or `host=ip`, the address perhaps in brackets. */
function toHost(text: string): string {
  const [, name = "", address = ""] = /^([^=:]+)[=:](.+)$/.exec(text) ?? [];
  if (name === "") throw new InvalidArgumentError(`invalid host ${text}`);
  return `${name}=${address.replace(/^\[(.*)\]$/, "$1")}`;
}
