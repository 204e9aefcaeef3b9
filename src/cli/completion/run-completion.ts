import type {
  ContainerSummary,
  ImageSummary,
  NetworkSummary,
  Plugin,
  VolumeListResponse,
} from "@docker/node-sdk";
import { assertNever } from "#base/errors.ts";
import { ContextStore } from "#client/contexts/context-store.ts";
import { defaultContextName } from "#client/contexts/stored-context.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { Cli } from "#cli/cli.ts";
import { type Candidate, type NameSource, planCompletion } from "./complete.ts";
import type { FlagTable } from "#cli/command/flags.ts";
import { shortId } from "#cli/output/texts.ts";

/** Cobra's directives, which the scripts understand: file names may follow, or not. */
const withFiles = 0;
const withoutFiles = 4;

/** How long a shell waits for the engine's names, in ms. */
const engineTimeoutMs = 2000;

/**
 * `wharf __complete WORD… LAST`: one candidate a line, its description after a tab, then a colon
 * and the directive. An engine that does not answer has no names to offer.
 *
 * @param openClient Gives the engine without starting one.
 */
export async function runCompletion(
  cli: Cli,
  words: readonly string[],
  globals: FlagTable,
  openClient: () => EngineClient,
): Promise<number> {
  const plan = await planCompletion(words, globals);
  let candidates: readonly Candidate[] = [];
  if (plan.kind === "words") candidates = plan.candidates;
  if (plan.kind === "names") {
    const found = await findNames(cli, plan.source, openClient);
    const last = words.at(-1) ?? "";
    candidates = found
      .filter(({ value }) => !plan.taken.includes(value))
      .map((one) => ({ ...one, value: plan.prefix + one.value }))
      .filter(({ value }) => value.startsWith(last));
  }
  const lines = candidates.map(({ value, description }) =>
    description === "" ? value : `${value}\t${description}`,
  );
  const directive = plan.kind === "files" ? withFiles : withoutFiles;
  cli.output.write(`${[...lines, `:${directive}`].join("\n")}\n`);
  return 0;
}

async function findNames(
  cli: Cli,
  source: NameSource,
  openClient: () => EngineClient,
): Promise<readonly Candidate[]> {
  if (source === "contexts") return contextNames(cli);
  try {
    await using engine = openClient();
    return await engineNames(engine, source);
  } catch {
    return []; // a completion has no place to complain
  }
}

function contextNames(cli: Cli): Candidate[] {
  const stored = new ContextStore(cli.globals.configDir).list().map((meta) => ({
    value: meta.Name,
    description: meta.Endpoints["docker"]?.Host ?? "",
  }));
  return [{ value: defaultContextName, description: "Current DOCKER_HOST" }, ...stored];
}

async function engineNames(
  engine: EngineClient,
  source: Exclude<NameSource, "contexts">,
): Promise<readonly Candidate[]> {
  const signal = AbortSignal.timeout(engineTimeoutMs);
  switch (source) {
    case "containers":
      return containerNames(engine, signal, {});
    case "running-containers":
      return containerNames(engine, signal, { status: ["running"] });
    case "stopped-containers":
      return containerNames(engine, signal, { status: ["created", "exited"] });
    case "images": {
      const images = await engine.getJson<ImageSummary[]>("/images/json", { signal });
      return images.flatMap((image) =>
        (image.RepoTags ?? []).map((value) => ({ value, description: shortId(image.Id) })),
      );
    }
    case "volumes": {
      const { Volumes } = await engine.getJson<VolumeListResponse>("/volumes", { signal });
      return (Volumes ?? []).map(({ Name, Driver }) => ({ value: Name, description: Driver }));
    }
    case "networks": {
      const networks = await engine.getJson<NetworkSummary[]>("/networks", { signal });
      return networks.map(({ Name = "", Driver = "" }) => ({ value: Name, description: Driver }));
    }
    case "plugins": {
      const plugins = await engine.getJson<Plugin[]>("/plugins", { signal });
      return plugins.map(({ Name, Config }) => ({ value: Name, description: Config.Description }));
    }
    default:
      return assertNever(source);
  }
}

async function containerNames(
  engine: EngineClient,
  signal: AbortSignal,
  filters: Readonly<Record<string, readonly string[]>>,
): Promise<readonly Candidate[]> {
  const query = { all: true, filters };
  const containers = await engine.getJson<ContainerSummary[]>("/containers/json", {
    query,
    signal,
  });
  return containers.map((container) => ({
    value: (container.Names?.[0] ?? "").replace(/^\//, ""),
    description: [container.Image, container.Status].filter(Boolean).join(", "),
  }));
}
