import { readFileSync } from "node:fs";
import { chooseHostFile, RESOLV_CONF_PATH, SYSTEMD_RESOLV_CONF_PATH } from "./resolv-conf.ts";

/** The host's file that containers' files are made from, and where it is; empty where there is none. */
export interface HostFile {
  readonly text: string;
  readonly path: string;
}

/** @param mainPath The host's /etc/resolv.conf. */
export function readHostFile(mainPath: string = RESOLV_CONF_PATH): HostFile {
  const main = readOptional(mainPath) ?? "";
  if (mainPath !== RESOLV_CONF_PATH) return { text: main, path: mainPath };
  return chooseHostFile(main, readOptional(SYSTEMD_RESOLV_CONF_PATH));
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
