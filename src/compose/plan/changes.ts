import type { Settings } from "./settings.ts";

/** One key whose value changes; undefined where it is not said. */
export interface Change {
  /** In the words of the file: `environment.NAME`, `image`. */
  readonly key: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** What the engine fills in where nobody says it. */
const FILLED = new Set(["runtime", "logging.driver", "cgroup", "ipc"]);
/** What the user's client fills in where nobody says it. */
const PROXY = /^environment\.(?:https?|ftp|no|all)_proxy$/i;

/** What differs between two of a kind, by key in order; values that look secret are hidden. */
export function changesOf(before: Settings, after: Settings): readonly Change[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return keys.flatMap((key): Change[] => {
    const from = before.get(key);
    const to = after.get(key);
    if (from === to || (to === undefined && (FILLED.has(key) || PROXY.test(key)))) return [];
    return [{ key, from: shown(key, from), to: shown(key, to) }];
  });
}

const SECRET_NAME = /passw|passphrase|secret|token|credential|api_?key|private_?key/i;
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi;

/** A secret in the environment is one, too: its name gives it away. */
function shown(key: string, value: string | undefined): string | undefined {
  if (value === undefined || value === "") return value;
  const isValue = key.startsWith("environment.") || key.startsWith("labels.");
  if (isValue && SECRET_NAME.test(key) && !key.endsWith("_FILE")) return "(hidden)";
  return value.replaceAll(URL_PASSWORD, "$1:(hidden)@");
}
