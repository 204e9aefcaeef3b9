import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { readClientConfig } from "./client-config.ts";

/** Replaces one key of `config.json`, keeping all others; undefined removes it. */
export function writeConfigKey(configDir: string, key: string, value: unknown): void {
  const { [key]: _before, ...rest } = readClientConfig(configDir).raw;
  const next = value === undefined ? rest : { ...rest, [key]: value };
  mkdirSync(configDir, { recursive: true, mode: 0o700 });
  const path = `${configDir}/config.json`;
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(next, null, "\t")}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}
