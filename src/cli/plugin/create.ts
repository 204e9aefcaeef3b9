import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { InvalidArgumentError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { openFailure } from "#cli/output/open-failure.ts";
import { packTree } from "#host/archive/pack-tree.ts";
import { openArchiveSyscalls } from "#host/archive/syscalls.ts";
import { parseImageReference } from "#spec/reference.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN PLUGIN-DATA-DIR",
  description:
    "Create a plugin from a rootfs and configuration. Plugin data directory must contain config.json and rootfs directory.",
  args: atLeast(2),
  completeArgs: ["files"],
  flags: { compress: boolFlag("Compress the context using gzip") },
  async run(cli, { flags, args }) {
    const [name = "", folder = ""] = args;
    parseImageReference(name);
    const directory = resolve(folder);
    checkContext(directory, folder);
    const engine = await cli.engine();
    const chunks = packTree(
      { path: Buffer.from(directory), name: Buffer.alloc(0), isContentOnly: true },
      { syscalls: openArchiveSyscalls(), reusesBuffer: false },
    );
    await engine.send("POST", "/plugins/create", {
      query: { name },
      stream: flags.compress ? compressed(chunks) : streamed(chunks),
      contentType: "application/x-tar",
      signal: cli.interruption(),
    });
    cli.output.write(`${name}\n`);
    return 0;
  },
});

/** @throws {InvalidArgumentError} In docker's words, before anything is sent. */
function checkContext(directory: string, given: string): void {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InvalidArgumentError("context must be a directory");
  }
  const file = join(given, "config.json");
  let text: string;
  try {
    text = readFileSync(join(directory, "config.json"), "utf8");
  } catch (error) {
    throw new InvalidArgumentError(openFailure(file, error), { cause: error });
  }
  parseJson(text);
}

async function* streamed(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* compressed(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const packer = Readable.from(chunks, { objectMode: false }).pipe(createGzip());
  for await (const chunk of packer) yield chunk as Uint8Array;
}
