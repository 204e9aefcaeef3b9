import { posix } from "node:path";
import { digestOf } from "#spec/digest.ts";
import { PROXY_ARGUMENTS } from "#builder/graph/global-arguments.ts";
import type { FileAction, FileOrigin, Step } from "#builder/graph/step.ts";
import type { SourceRange } from "#builder/language/dockerfile-error.ts";
import type { RunMount } from "#builder/language/run-mounts.ts";
import type { BuiltLayer } from "#builder/solver/built-layer.ts";
import { formatPlatform, type Platform } from "#spec/platform.ts";
import { packageUrl } from "./statement.ts";
import { withoutCredentials } from "./redact.ts";

/** Something from elsewhere that the result was made of. */
export interface Material {
  readonly uri: string;
  /** By algorithm. */
  readonly digest: Readonly<Record<string, string>>;
}

/** One operation of a build, in the words of BuildKit's graphs. */
export interface TraceNode {
  readonly id: string;
  /** As JSON writes BuildKit's `pb.Op`. */
  readonly op: object;
  readonly inputs: readonly string[];
  readonly platform?: Platform;
  readonly ranges: readonly SourceRange[];
  /** What the result has up to here, from the bottom. */
  readonly layers?: readonly BuiltLayer[];
}

/** A secret or an agent that steps asked for; nothing of what it holds. */
export interface AskedCredential {
  readonly kind: "secret" | "ssh";
  readonly id: string;
  readonly isOptional: boolean;
}

/** What is known of a step's origins when it has been done. */
export interface TracedStep {
  readonly id: string;
  readonly step: Step;
  readonly parent: string | undefined;
  readonly platform: Platform;
  readonly network: string;
  readonly layers: readonly BuiltLayer[];
  /** Name of the node that an origin of the step is. */
  readonly nodeOf: (origin: FileOrigin) => string | undefined;
  readonly resolveOrigin: (name: string) => FileOrigin;
  /** What a URL turned out to be. */
  readonly digestOf: (action: Extract<FileAction, { kind: "http" | "git" }>) => Promise<string>;
}

const NETWORKS: Readonly<Record<string, number>> = { host: 1, none: 2 };
const MOUNT_TYPES: Readonly<Record<RunMount["type"], number>> = {
  bind: 0,
  secret: 1,
  ssh: 2,
  cache: 3,
  tmpfs: 4,
};
const COPY = {
  followSymlink: true,
  dirCopyContents: true,
  createDestPath: true,
  allowWildcard: true,
  allowEmptyWildcard: true,
  timestamp: -1,
};

/** What one solver did, as it goes on: what provenance is written from. */
export class BuildTrace {
  readonly #nodes = new Map<string, TraceNode>();
  readonly #materials = new Map<string, Material>();
  readonly #credentials = new Map<string, AskedCredential>();

  /** In an order in which each comes after its inputs. */
  get nodes(): readonly TraceNode[] {
    return [...this.#nodes.values()];
  }

  get materials(): readonly Material[] {
    return [...this.#materials.values()];
  }

  get credentials(): readonly AskedCredential[] {
    return [...this.#credentials.values()];
  }

  /** @returns The node's name. */
  image(
    image: { readonly reference: string; readonly digest: string; readonly isPulled: boolean },
    platform: Platform,
  ): string {
    const { reference, digest, isPulled } = image;
    const id = `image ${reference} ${formatPlatform(platform)}`;
    const uri = packageUrl(reference, platform);
    this.#materials.set(uri, { uri, digest: byAlgorithm(digest) });
    const name = reference.includes("@") ? reference : `${reference}@${digest}`;
    const attrs = { "image.resolvemode": isPulled ? "pull" : "local" };
    const op = source(`docker-image://${name}`, attrs);
    this.#nodes.set(id, { id, op, inputs: [], platform, ranges: [] });
    return id;
  }

  /** A node stands in one more place of the file. */
  place(id: string, range: SourceRange): void {
    const node = this.#nodes.get(id);
    if (node) this.#nodes.set(id, { ...node, ranges: [...node.ranges, range] });
  }

  /** A folder of the client's. @returns The node's name. */
  local(name: string): string {
    const id = `local ${name}`;
    const attrs = { "local.sharedkeyhint": name };
    if (!this.#nodes.has(id)) {
      this.#nodes.set(id, { id, op: source(`local://${name}`, attrs), inputs: [], ranges: [] });
    }
    return id;
  }

  async step(traced: TracedStep): Promise<void> {
    const { id, step, platform, layers } = traced;
    const inputs: string[] = [];
    const inputOf = (node: string | undefined): number => {
      if (node === undefined) return -1;
      const known = inputs.indexOf(node);
      return known >= 0 ? known : inputs.push(node) - 1;
    };
    const isAlone = step.kind === "files" && step.isLink;
    if (!isAlone) inputOf(traced.parent);
    const op =
      step.kind === "run"
        ? this.#exec(step, traced, inputOf)
        : { file: { actions: await this.#actions(step.actions, traced, inputOf) } };
    const ranges = [step.range];
    if (!isAlone) {
      this.#nodes.set(id, { id, op, inputs, platform, ranges, layers });
      return;
    }
    const own = `${id} link`;
    this.#nodes.set(own, { id: own, op, inputs, ranges });
    const below = traced.parent === undefined ? [] : [traced.parent];
    const merged = { merge: { inputs: [...below, own].map((_, input) => ({ input })) } };
    this.#nodes.set(id, { id, op: merged, inputs: [...below, own], ranges, layers });
  }

  #exec(
    step: Extract<Step, { readonly kind: "run" }>,
    traced: TracedStep,
    inputOf: (node: string | undefined) => number,
  ): object {
    const network = NETWORKS[step.network === "default" ? traced.network : step.network];
    const mounts = step.mounts.map((mount) => {
      const target = "target" in mount ? (mount.target ?? "") : "";
      const dest = target === "" ? undefined : posix.resolve(step.cwd, target);
      const mountType = MOUNT_TYPES[mount.type];
      const common = {
        ...(dest === undefined ? {} : { dest }),
        output: -1,
        ...(mountType ? { mountType } : {}),
      };
      switch (mount.type) {
        case "bind":
        case "cache": {
          const origin = mount.from === undefined ? undefined : traced.resolveOrigin(mount.from);
          const isContext = mount.type === "bind" && origin === undefined;
          const node = origin
            ? traced.nodeOf(origin)
            : isContext
              ? traced.nodeOf({ kind: "context" })
              : undefined;
          const selector =
            mount.source === "" || mount.source === "/" ? {} : { selector: mount.source };
          const cache = mount.type === "cache" ? { cacheOpt: { ID: mount.id ?? dest } } : {};
          const readonly = mount.isReadOnly ? { readonly: true } : {};
          return { input: inputOf(node), ...selector, ...common, ...readonly, ...cache };
        }
        case "secret":
        case "ssh": {
          const { id, isRequired, mode, uid, gid, type } = mount;
          const isOptional = !isRequired;
          this.#credentials.set(`${type} ${id}`, { kind: type, id, isOptional });
          const about = { ID: id, ...(uid ? { uid } : {}), ...(gid ? { gid } : {}), mode };
          const optional = isOptional ? { optional: true } : {};
          return { input: -1, ...common, [`${type}Opt`]: { ...about, ...optional } };
        }
        case "tmpfs":
          return { input: -1, ...common };
      }
    });
    const env = step.env.filter((row) => !PROXY_ARGUMENTS.has(row.split("=", 1)[0] ?? ""));
    const user = step.user === "" ? {} : { user: step.user };
    const meta = { args: step.args, env, cwd: step.cwd, ...user };
    return {
      exec: {
        meta,
        mounts: [{ dest: "/", ...(inputOf(traced.parent) < 0 ? { input: -1 } : {}) }, ...mounts],
        ...(network === undefined ? {} : { network }),
        ...(step.isPrivileged ? { security: 1 } : {}),
      },
    };
  }

  async #actions(
    actions: readonly FileAction[],
    traced: TracedStep,
    inputOf: (node: string | undefined) => number,
  ): Promise<readonly object[]> {
    const written: object[] = [];
    for (const [at, action] of actions.entries()) {
      const isLast = at === actions.length - 1;
      const below =
        at === 0
          ? inputOf(traced.step.kind === "files" && traced.step.isLink ? undefined : traced.parent)
          : at - 1;
      const output = isLast ? 0 : -1;
      written.push(await this.#action(action, { input: below, output }, traced, inputOf));
    }
    return written;
  }

  async #action(
    action: FileAction,
    place: { readonly input: number; readonly output: number },
    traced: TracedStep,
    inputOf: (node: string | undefined) => number,
  ): Promise<object> {
    const { input, output } = place;
    const owner = "owner" in action && action.owner ? { owner: action.owner } : {};
    const at = (secondaryInput: number, done: object): object => ({
      input,
      secondaryInput,
      output,
      Action: done,
    });
    switch (action.kind) {
      case "folder":
        return at(-1, {
          mkdir: { path: action.path, mode: 0o755, makeParents: true, timestamp: -1, ...owner },
        });
      case "file":
        return at(-1, {
          mkfile: {
            path: action.destination,
            mode: modeOf(action.mode, 0o644),
            data: Buffer.from(action.content).toString("base64"),
            timestamp: -1,
            ...owner,
          },
        });
      case "copy":
        return at(inputOf(traced.nodeOf(action.origin)), {
          copy: {
            src: posix.join("/", action.source),
            dest: action.destination,
            mode: modeOf(action.mode, -1),
            ...owner,
            ...COPY,
          },
        });
      case "http":
      case "git": {
        const node = await this.#remote(action, traced);
        return at(inputOf(node), {
          copy: {
            src: "/",
            dest: action.destination,
            mode: modeOf(action.mode, -1),
            ...owner,
            createDestPath: true,
            timestamp: -1,
          },
        });
      }
    }
  }

  async #remote(
    action: Extract<FileAction, { kind: "http" | "git" }>,
    traced: TracedStep,
  ): Promise<string> {
    const uri = withoutCredentials(action.url);
    const digest = await traced.digestOf(action);
    this.#materials.set(uri, { uri, digest: byAlgorithm(digest) });
    const id = `remote ${uri}`;
    const identifier = action.kind === "git" ? `git://${uri.replace(/^[a-z+]+:\/\//, "")}` : uri;
    this.#nodes.set(id, { id, op: source(identifier, {}), inputs: [], ranges: [] });
    return id;
  }
}

function source(identifier: string, attrs: Readonly<Record<string, string>>): object {
  return { source: { identifier, ...(Object.keys(attrs).length > 0 ? { attrs } : {}) } };
}

/** `sha256:…`, or a commit by its bare hex digits. */
function byAlgorithm(digest: string): Readonly<Record<string, string>> {
  const at = digest.indexOf(":");
  if (at >= 0) return { [digest.slice(0, at)]: digest.slice(at + 1) };
  return { [digest.length === 64 ? "sha256" : "sha1"]: digest };
}

/** Symbolic changes have no number: -1, as where none is asked for. */
function modeOf(text: string | undefined, absent: number): number {
  if (text === undefined) return absent;
  return /^0?[0-7]{3,4}$/.test(text) ? Number.parseInt(text, 8) : -1;
}

/** What a node is called by in digest mappings. */
export function nodeDigest(node: Pick<TraceNode, "op" | "inputs">): string {
  return digestOf(JSON.stringify([node.op, node.inputs]));
}
