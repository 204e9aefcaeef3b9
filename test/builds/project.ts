import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { mustRun } from "../harness/command.ts";
import { type TestEngine, WHARF } from "../harness/engine.ts";
import { waitUntil } from "../harness/wait-until.ts";
import { addBuildx } from "../harness/build/buildx.ts";
import { proxyArguments, writeMachineFiles } from "./machine.ts";

/** A project of `examples/`, and what a user does with it. */
export interface Project {
  /** Its folder, and its image's name. */
  readonly name: string;
  readonly arguments?: Readonly<Record<string, string>>;
  /** Names of secrets that it takes where they are given. */
  readonly secrets?: readonly "npmrc"[];
  /** A source file that is worked on. */
  readonly change: {
    readonly path: string;
    readonly from: string;
    readonly to: string;
    /** The steps that are done again for it, in order; no others are. */
    readonly doneAgain: readonly string[];
  };
  /** Runs the image and uses what runs, its volumes included; leaves nothing. */
  readonly use: (engine: TestEngine, image: string) => Promise<void>;
}

/** An engine with the image that the projects are made from, and copies of the projects. */
export class Workshop {
  readonly engine: TestEngine;

  constructor(engine: TestEngine) {
    this.engine = engine;
  }

  /** Makes `debian:bookworm-slim` of the Debian root that the engine has. */
  async open(): Promise<void> {
    addBuildx(this.engine);
    const machine = join(this.engine.root, "machine");
    await writeMachineFiles(machine);
    await this.engine.mustWharf(
      ...["build", "-q", "--build-context", `machine=${machine}`, "-t", "debian:bookworm-slim"],
      ...[...proxyArguments(), resolve("test/builds/base")],
    );
  }

  /** A copy of the project that may be worked on. */
  copyOf({ name }: Project): string {
    const folder = join(this.engine.root, "projects", name);
    mkdirSync(folder, { recursive: true });
    // with its times: make goes by them
    cpSync(resolve("examples", name), folder, { recursive: true, preserveTimestamps: true });
    return folder;
  }

  secretsOf({ secrets = [] }: Project): Readonly<Record<string, string>> {
    const files = { npmrc: join(this.engine.root, "machine/etc/npmrc") };
    return Object.fromEntries(secrets.map((id) => [id, files[id]]));
  }

  /** Changes its source file as a user does and builds anew. @returns The steps that were done, and why. */
  async rebuildChanged(project: Project, folder: string): Promise<readonly DoneStep[]> {
    const { path, from, to } = project.change;
    const file = join(folder, path);
    const before = readFileSync(file, "utf8");
    if (!before.includes(from)) throw new Error(`${path} has no "${from}"`);
    writeFileSync(file, before.replace(from, to));
    const secrets = Object.entries(this.secretsOf(project));
    const { stdout } = await mustRun(
      [
        ...[WHARF, "build", "-q", "--why", "--format", "json", "-t", project.name],
        ...secrets.flatMap(([id, source]) => ["--secret", `id=${id},src=${source}`]),
        ...[...argumentFlags(project), ...proxyArguments(), folder],
      ],
      { env: this.engine.environment(), timeoutMs: 300_000 },
    );
    const { steps } = JSON.parse(stdout.slice(0, stdout.lastIndexOf("}") + 1)) as {
      readonly steps: readonly (DoneStep & { readonly isCached: boolean })[];
    };
    return steps.filter(({ isCached }) => !isCached);
  }
}

interface DoneStep {
  readonly name: string;
  readonly reasons: readonly Readonly<Record<string, unknown>>[];
}

export function argumentFlags({ arguments: values = {} }: Project): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
}

/** A container of a project's image while it is used; removed with its anonymous volumes. */
export class UsedContainer implements AsyncDisposable {
  readonly #engine: TestEngine;
  readonly #id: string;

  private constructor(engine: TestEngine, id: string) {
    this.#engine = engine;
    this.#id = id;
  }

  /** Started, and found healthy by the image's own check. @param words Flags of `run`, then the image and its command. */
  static async start(engine: TestEngine, ...words: readonly string[]): Promise<UsedContainer> {
    const container = new UsedContainer(engine, await engine.mustDocker("run", "-d", ...words));
    await container.waitHealthy();
    return container;
  }

  async waitHealthy(): Promise<void> {
    await waitUntil(
      `the container is healthy; it said:\n${await this.logs()}`,
      async () => {
        const state = await this.inspect("{{.State.Status}} {{.State.Health.Status}}");
        if (!state.startsWith("running")) {
          throw new Error(`The container is ${state}:\n${await this.logs()}`);
        }
        return state.endsWith(" healthy");
      },
      90_000,
    );
  }

  async inspect(format: string): Promise<string> {
    return await this.#engine.mustDocker("inspect", "-f", format, this.#id);
  }

  async exec(...words: readonly string[]): Promise<string> {
    return await this.#engine.mustDocker("exec", this.#id, ...words);
  }

  /** Both streams. */
  async logs(): Promise<string> {
    const { stdout, stderr } = await this.#engine.docker(["logs", this.#id]);
    return stdout + stderr;
  }

  /** The address on this host that leads to a published port. */
  async address(port: number): Promise<string> {
    const published = await this.#engine.mustDocker("port", this.#id, `${port}/tcp`);
    return `127.0.0.1:${published.split("\n")[0]?.split(":").at(-1)}`;
  }

  /** By the image's stop signal. @returns The exit code. */
  async stop(): Promise<string> {
    await this.#engine.mustDocker("stop", "-t", "60", this.#id);
    return await this.inspect("{{.State.ExitCode}}");
  }

  async startAgain(): Promise<void> {
    await this.#engine.mustDocker("start", this.#id);
    await this.waitHealthy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.mustDocker("rm", "-f", "-v", this.#id);
  }
}
