import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Compares text with a file of `testdata/`; `WHARF_UPDATE_GOLDEN=1` writes the file instead.
 *
 * @param file Path from the calling test: `new URL("./testdata/x.txt", import.meta.url)`.
 */
export function expectGolden(actual: string, file: URL): void {
  if (process.env["WHARF_UPDATE_GOLDEN"] === "1") {
    mkdirSync(dirname(file.pathname), { recursive: true });
    writeFileSync(file, actual);
  }
  expect(existsSync(file)).toBe(true);
  expect(actual).toBe(readFileSync(file, "utf8"));
}
