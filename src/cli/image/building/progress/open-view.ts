import type { Cli } from "#cli/cli.ts";
import type { ProgressMode } from "#cli/image/building/flags.ts";
import { type BuildView, SILENT_VIEW } from "./build-view.ts";
import { PlainView } from "./plain-view.ts";
import { RawJsonView } from "./raw-json-view.ts";

/** Shows a build on standard error in the way that the user wants. */
export function openView(cli: Cli, mode: ProgressMode): BuildView {
  const write = (text: string): void => cli.errors.write(text);
  const title = `building with "${cli.contextName}" instance using docker driver`;
  switch (mode) {
    case "none":
    case "quiet":
      return SILENT_VIEW;
    case "rawjson":
      return new RawJsonView(write);
    case "plain":
    case "tty":
    case "auto":
      return new PlainView(write, title, () => performance.now());
  }
}
