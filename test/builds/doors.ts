import { hasBuildx } from "../harness/build/buildx.ts";
import { type CommandResult, mustRun } from "../harness/command.ts";
import { DOCKER, hasDockerCli, type TestEngine, WHARF } from "../harness/engine.ts";
import { proxyArguments } from "./machine.ts";

/** The client and the protocol that a build comes by. */
export type Door = "wharf" | "buildx" | "classic";

/** Those that this machine has clients for. */
export const DOORS: readonly Door[] = [
  "wharf",
  ...(hasBuildx ? (["buildx"] as const) : []),
  ...(hasDockerCli ? (["classic"] as const) : []),
];

const BUILD_TIMEOUT_MS = 600_000;

interface BuildRequest {
  readonly folder: string;
  readonly tag: string;
  readonly flags?: readonly string[];
  /** Files by the secret's id; the classic API has none. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Builds, and fails with all that was printed when that fails. */
export async function buildBy(
  engine: Pick<TestEngine, "environment">,
  door: Door,
  { folder, tag, flags = [], secrets = {} }: BuildRequest,
): Promise<CommandResult> {
  const given = door === "classic" ? [] : Object.entries(secrets);
  const words = [
    ...(door === "wharf" ? [WHARF] : [DOCKER]),
    "build",
    ...(door === "classic" ? [] : ["--progress=plain"]),
    ...given.flatMap(([id, file]) => ["--secret", `id=${id},src=${file}`]),
    ...["-t", tag, ...proxyArguments(), ...flags, folder],
  ];
  const env = { ...engine.environment(), DOCKER_BUILDKIT: door === "classic" ? "0" : "1" };
  return await mustRun(words, { env, timeoutMs: BUILD_TIMEOUT_MS });
}
