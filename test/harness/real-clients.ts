import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type CommandOptions, type CommandResult, runCommand } from "./command.ts";
import { CACHE } from "./engine.ts";

/** Debian's packages, unpacked beside the test images. */
const UNPACKED = join(CACHE, "registry-clients");

/** A registry client that is not ours. */
export interface RealClient {
  readonly name: string;
  run(words: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** @throws {Error} With what it printed, when it fails. */
  mustRun(words: readonly string[], options?: CommandOptions): Promise<string>;
}

/** @returns Undefined, told as a skip, where the machine does not have it. */
export function findRealClient(name: "skopeo" | "podman" | "buildah"): RealClient | undefined {
  const unpacked = join(UNPACKED, "usr/bin", name);
  const path = existsSync(unpacked) ? unpacked : Bun.which(name);
  if (path === null) {
    console.log(`SKIP ${name} as a client of the registry: it is neither installed nor unpacked`);
    return undefined;
  }
  const env = path === unpacked ? { LD_LIBRARY_PATH: libraryFolder() } : {};
  const run = (words: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
    runCommand([path, ...words], { ...options, env: { ...env, ...options.env } });
  return {
    name,
    run,
    mustRun: async (words, options) => {
      const result = await run(words, options);
      if (result.exitCode === 0) return result.stdout.trim();
      throw new Error(`${name} ${words.join(" ")}: ${result.exitCode}\n${result.stderr}`);
    },
  };
}

/** `usr/lib/x86_64-linux-gnu` of the unpacked packages. */
function libraryFolder(): string {
  const lib = join(UNPACKED, "usr/lib");
  const triplet = readdirSync(lib).find((entry) => entry.includes("linux-gnu")) ?? "";
  return join(lib, triplet);
}
