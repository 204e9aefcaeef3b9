import { formatRfc3339 } from "#base/rfc3339.ts";
import type { StatusResponse, VertexWarning } from "#spec/buildkit/control.ts";
import type { Timestamp } from "#spec/buildkit/shared.ts";
import type { BuildView } from "./build-view.ts";

/** Each message as a line of JSON, as `client.SolveStatus` of BuildKit stands in Go's encoding. */
export class RawJsonView implements BuildView {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  onStatus(status: StatusResponse): void {
    const line = withoutEmpty({
      vertexes: status.vertices.map((vertex) =>
        withoutEmpty({
          digest: vertex.digest,
          inputs: vertex.inputs,
          name: vertex.name,
          started: timeOf(vertex.started),
          completed: timeOf(vertex.completed),
          cached: vertex.isCached,
          error: vertex.error,
        }),
      ),
      statuses: status.statuses.map((one) => ({
        id: one.id,
        vertex: one.vertex,
        ...withoutEmpty({ name: one.name, total: one.total }),
        current: one.current,
        timestamp: timeOf(one.timestamp),
        ...withoutEmpty({ started: timeOf(one.started), completed: timeOf(one.completed) }),
      })),
      logs: status.logs.map((log) => ({
        vertex: log.vertex,
        stream: log.stream,
        data: base64(log.message),
        timestamp: timeOf(log.timestamp),
      })),
      warnings: status.warnings.map(warningOf),
    });
    if (Object.keys(line).length === 0) return;
    this.#write(`${escaped(JSON.stringify(line))}\n`);
  }

  end(): void {}
}

/** Go escapes these for HTML. */
function escaped(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

const NANOS_PER_SECOND = 1_000_000_000n;

function timeOf(time: Timestamp | undefined): string | undefined {
  if (!time) return undefined;
  return formatRfc3339(BigInt(time.seconds) * NANOS_PER_SECOND + BigInt(time.nanos));
}

function warningOf(warning: VertexWarning): object {
  return {
    vertex: warning.vertex,
    ...withoutEmpty({ level: warning.level }),
    short: base64(warning.short),
    ...withoutEmpty({
      detail: warning.detail.map(base64),
      url: warning.url,
      sourceInfo: warning.info && {
        filename: warning.info.fileName,
        data: base64(warning.info.data),
        language: warning.info.language,
      },
      range: warning.ranges.map(({ start, end }) => ({
        start: { line: start?.line ?? 0 },
        end: { line: end?.line ?? 0 },
      })),
    }),
  };
}

/** As Go's `omitempty`. */
function withoutEmpty(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== undefined &&
        value !== "" &&
        value !== 0 &&
        value !== false &&
        !(Array.isArray(value) && value.length === 0),
    ),
  );
}
