import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import type { Cli } from "#cli/cli.ts";
import { openFailure } from "#cli/output/open-failure.ts";
import type { ClientSurroundings } from "#cli/container/create-request/fields.ts";

/** The client's own files and variables, for planning a request. */
export function clientSurroundings(cli: Cli, isSet: (flag: string) => boolean): ClientSurroundings {
  return { readText, absolutePath, env: cli.env, isSet };
}

function readText(path: string): string {
  try {
    return process.getBuiltinModule("node:fs").readFileSync(path, "utf8");
  } catch (error) {
    const reason = openFailure(path, error);
    const isFolder = reason.startsWith("read ");
    throw new (isFolder ? InvalidArgumentError : NotFoundError)(reason, { cause: error });
  }
}

function absolutePath(relative: string): string {
  return cleanPath(relative.startsWith("/") ? relative : `${process.cwd()}/${relative}`);
}
