import { readFileSync } from "node:fs";
import { ConflictError, InvalidArgumentError, NotFoundError, messageOf } from "#base/errors.ts";
import { maxArchiveBytes, readContextArchive } from "#client/contexts/context-archive.ts";
import { ContextStore, checkContextName } from "#client/contexts/context-store.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";

export const command: Command = defineCommand({
  usage: "CONTEXT FILE|-",
  args: exactly(2),
  completeArgs: [[], "files"],
  flags: {},
  async run(cli, { args }) {
    const [name = "", path = ""] = args;
    checkContextName(name);
    const store = new ContextStore(cli.globals.configDir);
    if (store.has(name)) throw new ConflictError(`context ${JSON.stringify(name)} already exists`);
    const { meta, tls } = await readContextArchive(
      path === "-" ? await readInput(cli) : readWhole(path),
    );
    store.writeTls(name, tls);
    store.write({ ...meta, Name: name });
    cli.output.write(`${name}\n`);
    cli.errors.write(`Successfully imported context ${JSON.stringify(name)}\n`);
    return 0;
  },
});

function readWhole(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new NotFoundError(messageOf(error), { cause: error });
  }
}

async function readInput(cli: Cli): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of cli.input.chunks()) {
    bytes += chunk.length;
    if (bytes > maxArchiveBytes) throw new InvalidArgumentError("read exceeds the defined limit");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
