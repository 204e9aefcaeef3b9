import { existsSync } from "node:fs";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import { tryParseRfc3339 } from "#base/rfc3339.ts";
import { type CallOptions, PluginRefusedError, RETRY_MS } from "#plugins/client.ts";
import type { Plugin, Plugins } from "#plugins/plugins.ts";
import type { DriverVolume, VolumeDriver, VolumeDrivers } from "#volumes/driver.ts";
import type { VolumeRecord } from "#volumes/volumes.ts";

/** Docker's: for what moves data, and for what only asks. */
const LONG_TIMEOUT_MS = 120_000;
const SHORT_TIMEOUT_MS = 60_000;
/** A listing waits no longer for one driver of many. */
const LIST_TIMEOUT_MS = 10_000;

/** The volume drivers that are plugins. */
export class PluginVolumeDrivers implements VolumeDrivers {
  readonly #plugins: Plugins;
  /** Asked for their scope once. */
  readonly #opened = new WeakMap<Plugin, VolumeDriver>();

  constructor(plugins: Plugins) {
    this.#plugins = plugins;
  }

  async get(name: string, signal?: AbortSignal): Promise<VolumeDriver> {
    return await this.#open(await this.#plugins.get(name, "VolumeDriver", signal), signal);
  }

  async list(signal?: AbortSignal): Promise<{
    readonly drivers: readonly VolumeDriver[];
    readonly warnings: readonly string[];
  }> {
    const { plugins, warnings } = await this.#plugins.list("VolumeDriver", signal);
    const problems = [...warnings];
    const opened = await Promise.all(
      plugins.map(async (plugin) => {
        try {
          return [await this.#open(plugin, signal)];
        } catch (error) {
          signal?.throwIfAborted();
          problems.push(messageOf(error));
          return [];
        }
      }),
    );
    return { drivers: opened.flat(), warnings: problems };
  }

  async #open(plugin: Plugin, signal: AbortSignal | undefined): Promise<VolumeDriver> {
    const known = this.#opened.get(plugin);
    if (known) return known;
    const driver = new PluginVolumeDriver(plugin, await askScope(plugin, signal));
    this.#opened.set(plugin, driver);
    return driver;
  }
}

/** A driver that does not know the question is local, as in Docker. */
async function askScope(
  plugin: Plugin,
  signal: AbortSignal | undefined,
): Promise<"local" | "global"> {
  const readScope = (answer: JsonReader): string =>
    answer.object("Capabilities")?.string("Scope") ?? "";
  let scope = "";
  try {
    scope = await plugin.client.call("VolumeDriver.Capabilities", {}, readScope, {
      timeoutMs: LIST_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (!(error instanceof PluginRefusedError)) throw error;
  }
  return scope.toLowerCase() === "global" ? "global" : "local";
}

/**
 * A volume driver behind Docker's plugin protocol.
 *
 * @see Docker Engine, "Docker volume plugins", "Volume plugin protocol".
 */
class PluginVolumeDriver implements VolumeDriver {
  readonly scope: "local" | "global";
  readonly #plugin: Plugin;

  constructor(plugin: Plugin, scope: "local" | "global") {
    this.#plugin = plugin;
    this.scope = scope;
  }

  get name(): string {
    return this.#plugin.name;
  }

  async create(
    name: string,
    options: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<void> {
    const body = { Name: name, Opts: options };
    await this.#call("Create", body, nothing, { ...LONG, ...withSignal(signal) });
  }

  async get(name: string, signal?: AbortSignal): Promise<DriverVolume | undefined> {
    try {
      return await this.#call(
        "Get",
        { Name: name },
        (answer) => {
          const volume = answer.object("Volume");
          return volume && this.#readVolume(volume);
        },
        { timeoutMs: SHORT_TIMEOUT_MS, ...withSignal(signal) },
      );
    } catch (error) {
      // whatever a driver says here, Docker takes for "I have none of that name"
      if (error instanceof PluginRefusedError) return undefined;
      throw error;
    }
  }

  async list(signal?: AbortSignal): Promise<readonly DriverVolume[]> {
    return await this.#call(
      "List",
      {},
      (answer) => (answer.objects("Volumes") ?? []).map((volume) => this.#readVolume(volume)),
      { timeoutMs: LIST_TIMEOUT_MS, ...withSignal(signal) },
    );
  }

  async remove(name: string): Promise<void> {
    await this.#call("Remove", { Name: name }, nothing, { timeoutMs: SHORT_TIMEOUT_MS });
  }

  async mount({ name }: VolumeRecord, userId: string, signal?: AbortSignal): Promise<string> {
    const options = { ...LONG, ...withSignal(signal) };
    const read = (answer: JsonReader): string => answer.string("Mountpoint") ?? "";
    const answered = await this.#call("Mount", { Name: name, ID: userId }, read, options);
    // Docker asks once more where the answer has none
    const mountpoint =
      answered ||
      (await this.#call("Path", { Name: name }, read, {
        timeoutMs: SHORT_TIMEOUT_MS,
        ...withSignal(signal),
      }));
    const refuse = (why: string): never => {
      throw new FailedPreconditionError(
        `VolumeDriver.Mount: plugin ${JSON.stringify(this.name)} mounted volume ${JSON.stringify(name)} on ${JSON.stringify(mountpoint.slice(0, 200))}, which is ${why}`,
      );
    };
    if (!mountpoint.startsWith("/") || mountpoint.includes("\0")) refuse("no absolute path");
    const path = this.#plugin.hostPath(mountpoint);
    if (!existsSync(path)) refuse("not there");
    return path;
  }

  async unmount(name: string, userId: string): Promise<void> {
    const body = { Name: name, ID: userId };
    await this.#call("Unmount", body, nothing, { timeoutMs: SHORT_TIMEOUT_MS });
  }

  #readVolume(reader: JsonReader): DriverVolume {
    const mountpoint = reader.string("Mountpoint") ?? "";
    const createdNanos = tryParseRfc3339(reader.string("CreatedAt") ?? "");
    const status = reader.entries("Status", "map[string]interface {}");
    return {
      name: reader.string("Name") ?? "",
      mountpoint: mountpoint === "" ? "" : this.#plugin.hostPath(mountpoint),
      ...(createdNanos === undefined ? {} : { createdMs: Number(createdNanos / 1_000_000n) }),
      ...(status ? { status: Object.fromEntries(status) } : {}),
    };
  }

  /** An `Err` in a good answer is a refusal as well. */
  async #call<Answer>(
    verb: string,
    body: unknown,
    read: (answer: JsonReader) => Answer,
    options: CallOptions,
  ): Promise<Answer> {
    const method = `VolumeDriver.${verb}`;
    return await this.#plugin.client.call(
      method,
      body,
      (answer) => {
        const refusal = answer.string("Err");
        if (refusal) throw new PluginRefusedError(`${method}: ${refusal}`);
        return read(answer);
      },
      options,
    );
  }
}

const LONG = { timeoutMs: LONG_TIMEOUT_MS, retryMs: RETRY_MS };

function nothing(): void {}

function withSignal(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal ? { signal } : {};
}
