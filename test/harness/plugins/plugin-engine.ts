import { mkdtempSync, rmSync } from "node:fs";
import { startEngine, type TestEngine } from "../engine.ts";
import { TestPlugin } from "./plugin.ts";

/** An engine, and beside it the plugin `keeper`, which it finds. */
export class PluginEngine implements AsyncDisposable {
  readonly folder: string;
  readonly plugin: TestPlugin;
  readonly engine: TestEngine;

  private constructor(folder: string, plugin: TestPlugin, engine: TestEngine) {
    this.folder = folder;
    this.plugin = plugin;
    this.engine = engine;
  }

  static async start(): Promise<PluginEngine> {
    const folder = mkdtempSync("/var/tmp/wharf-plugins-");
    const plugin = new TestPlugin("keeper", folder);
    await plugin.start();
    const engine = await startEngine({ flags: ["--plugin-dir", folder] });
    return new PluginEngine(folder, plugin, engine);
  }

  /** The engine first: it may have to tell the plugin something. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.plugin.behave();
    await this.engine[Symbol.asyncDispose]();
    await this.plugin[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
