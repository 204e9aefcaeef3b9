import { InvalidArgumentError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import type { ProgressMode } from "#cli/image/building/flags.ts";
import { colorizer } from "#cli/output/colors.ts";
import { type BuildView, SILENT_VIEW } from "./build-view.ts";
import { PlainView } from "./plain-view.ts";
import { RawJsonView } from "./raw-json-view.ts";
import { TreeView } from "./tree-view.ts";

/** Shows a build on standard error in the way that the user wants; `auto` looks whether that is a terminal. */
export function openView(cli: Cli, mode: ProgressMode): BuildView {
  const { errors, contextName } = cli;
  const write = (text: string): void => errors.write(text);
  switch (mode) {
    case "none":
    case "quiet":
      return SILENT_VIEW;
    case "rawjson":
      return new RawJsonView(write);
    case "plain":
      return plainView(cli);
    case "auto":
      if (!errors.isTerminal || cli.env["TERM"] === "dumb") return plainView(cli);
      break;
    case "tty":
      if (errors.isTerminal) break;
      throw new InvalidArgumentError("failed to get console: standard error is no terminal");
  }
  return new TreeView({
    write,
    size: () => errors.windowSize(),
    style: colorizer(errors, cli.env),
    title: `docker:${contextName}`,
    nowMs: () => cli.now().getTime(),
  });
}

function plainView({ contextName, errors }: Cli): BuildView {
  const title = `building with "${contextName}" instance using docker driver`;
  return new PlainView(
    (text) => errors.write(text),
    title,
    () => performance.now(),
  );
}
