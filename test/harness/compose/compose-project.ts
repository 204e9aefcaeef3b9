import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandResult } from "../command.ts";
import type { TestEngine } from "../engine.ts";

/** Folders of Compose projects, and what there is of them on an engine. */
export class ComposeProjects implements Disposable {
  readonly folder: string = mkdtempSync("/var/tmp/wharf-compose-");
  readonly #engine: TestEngine;

  constructor(engine: TestEngine) {
    this.#engine = engine;
  }

  /** A project's folder with its files: `compose.yaml` and whatever else it needs. */
  make(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
    const path = join(this.folder, name);
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(join(path, file, ".."), { recursive: true });
      writeFileSync(join(path, file), content);
    }
    return path;
  }

  async run(
    path: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<CommandResult> {
    return await this.#engine.wharf(["compose", "--project-directory", path, ...args], { env });
  }

  /** @throws When it exits with another code than 0. */
  async must(path: string, ...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(path, args);
    if (exitCode !== 0) throw new Error(`compose ${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  }

  /** Takes every project down, with what is in its volumes. */
  async takeAllDown(): Promise<void> {
    const names = await this.#engine.mustWharf("compose", "ls", "-aq");
    for (const name of names.split("\n").filter((each) => each !== "")) {
      await this.#engine.mustWharf(
        ...["compose", "-p", name, "down", "-v", "-t", "0", "--remove-orphans"],
      );
    }
  }

  /** All that a command could change, as text: containers with what they are and since when, networks, volumes. */
  async state(): Promise<readonly string[]> {
    const all = async (path: string): Promise<unknown> =>
      await (await this.#engine.api("GET", path)).json();
    const containers = (await all("/containers/json?all=true")) as readonly {
      readonly Id: string;
    }[];
    const inspected = await Promise.all(
      containers.map(async ({ Id }) => {
        const one = (await all(`/containers/${Id}/json`)) as {
          readonly Name: string;
          readonly State: { readonly Status: string; readonly StartedAt: string };
        };
        return `container ${one.Name} ${Id} ${one.State.Status} ${one.State.StartedAt}`;
      }),
    );
    const networks = (await all("/networks")) as readonly { readonly Id: string }[];
    const { Volumes } = (await all("/volumes")) as {
      readonly Volumes: readonly { readonly Name: string; readonly CreatedAt: string }[] | null;
    };
    return [
      ...inspected,
      ...networks.map(({ Id }) => `network ${Id}`),
      ...(Volumes ?? []).map(({ Name, CreatedAt }) => `volume ${Name} ${CreatedAt}`),
    ].toSorted();
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
