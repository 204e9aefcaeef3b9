import type { BuildClient, BuildResponse } from "#build-client/build-client.ts";
import type { BuildRequest } from "#build-client/build-request.ts";
import type { FailedState } from "#build-client/debug/failed-run.ts";
import type { Cli } from "#cli/cli.ts";
import type { BuildView } from "#cli/image/building/progress/build-view.ts";
import { runBuild } from "#cli/image/building/run-build.ts";
import { openStepShell } from "./step-shell.ts";

/** Builds; when a step fails the user gets a shell in its files first. */
export async function buildDebugging(
  cli: Cli,
  client: BuildClient,
  request: BuildRequest,
  view: BuildView,
  options: { readonly tellsWarnings: boolean; readonly state: FailedState },
): Promise<BuildResponse> {
  const shown = new EndingOnce(view);
  return await runBuild(cli, client, request, shown, {
    ...options,
    build: (fitted, watcher, signal) =>
      client.buildDebugging(
        fitted,
        watcher,
        async (run) => {
          shown.end(); // the terminal is the shell's from here on
          await openStepShell(cli, run, options.state);
        },
        signal,
      ),
  });
}

/** A view that may be ended before its build. */
class EndingOnce implements BuildView {
  readonly #view: BuildView;
  #hasEnded = false;

  constructor(view: BuildView) {
    this.#view = view;
  }

  onStatus(status: Parameters<BuildView["onStatus"]>[0]): void {
    if (!this.#hasEnded) this.#view.onStatus(status);
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#view.end();
  }
}
