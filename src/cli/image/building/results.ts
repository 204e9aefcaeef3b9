import { writeFileSync } from "node:fs";
import type { BuildResponse } from "#build-client/build-client.ts";

/** What stands for the image: its configuration's digest, or its manifest's. */
export function imageIdOf(response: BuildResponse): string {
  return (
    response.get("containerimage.config.digest") ?? response.get("containerimage.digest") ?? ""
  );
}

/** The file of `--metadata-file`: keys sorted, what is JSON in base64 unpacked. */
export function metadataText(response: BuildResponse): string {
  return JSON.stringify(unpackedResponse(response), undefined, 2);
}

/** What the exporters said, with keys sorted and what is JSON in base64 unpacked. */
export function unpackedResponse(response: BuildResponse): Readonly<Record<string, unknown>> {
  const fields = [...response].toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(fields.map(([key, value]) => [key, unpack(value)]));
}

function unpack(value: string): unknown {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return value;
  try {
    const found: unknown = JSON.parse(Buffer.from(value, "base64").toString());
    return typeof found === "object" && found !== null ? found : value;
  } catch {
    return value;
  }
}

/** Writes what `--iidfile` and `--metadata-file` ask for; empty paths are none. */
export function writeResults(
  response: BuildResponse,
  { iidFile, metadataFile }: { readonly iidFile: string; readonly metadataFile: string },
): void {
  if (iidFile !== "") writeFileSync(iidFile, imageIdOf(response));
  if (metadataFile !== "") writeFileSync(metadataFile, metadataText(response));
}
