import { InvalidArgumentError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import type { ProgressMode } from "#cli/image/building/flags.ts";
import { colorizer } from "#cli/output/colors.ts";
import type { Output } from "#cli/output/streams.ts";
import { type BuildView, SILENT_VIEW } from "./build-view.ts";
import { PlainView } from "./plain-view.ts";
import { RawJsonView } from "./raw-json-view.ts";
import { TreeView } from "./tree-view.ts";

interface ViewOptions {
  readonly output?: Output;
  readonly tellsBuilder?: boolean;
}

/**
 * Shows a build in the way that the user wants; `auto` looks whether the output is a terminal.
 *
 * @param options.output Standard error, unless said.
 * @param options.tellsBuilder Plain lines begin with who builds, unless false.
 */
export function openView(
  cli: Cli,
  mode: ProgressMode,
  { output = cli.errors, tellsBuilder = true }: ViewOptions = {},
): BuildView {
  const write = (text: string): void => output.write(text);
  const title = `building with "${cli.contextName}" instance using docker driver`;
  const plain = (): BuildView =>
    new PlainView(write, tellsBuilder ? title : "", () => performance.now());
  switch (mode) {
    case "none":
    case "quiet":
      return SILENT_VIEW;
    case "rawjson":
      return new RawJsonView(write);
    case "plain":
      return plain();
    case "auto":
      if (!output.isTerminal || cli.env["TERM"] === "dumb") return plain();
      break;
    case "tty":
      if (output.isTerminal) break;
      throw new InvalidArgumentError(
        `failed to get console: standard ${output === cli.errors ? "error" : "output"} is no terminal`,
      );
  }
  return new TreeView({
    write,
    size: () => output.windowSize(),
    style: colorizer(output, cli.env),
    title: `docker:${cli.contextName}`,
    nowMs: () => cli.now().getTime(),
  });
}
