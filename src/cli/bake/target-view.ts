import type { BuildView } from "#cli/image/building/progress/build-view.ts";
import type { StatusResponse } from "#spec/buildkit/control.ts";

/**
 * A view of one target of several: its steps are named after it, and are not taken for those of another.
 *
 * @returns A view whose end is that of `view`, which its owner tells.
 */
export function viewOfTarget(view: BuildView, target: string): BuildView {
  const idOf = (digest: string): string => (digest === "" ? "" : `${target} ${digest}`);
  return {
    end: () => undefined,
    onStatus: ({ vertices, statuses, logs, warnings }: StatusResponse) =>
      view.onStatus({
        vertices: vertices.map((vertex) => ({
          ...vertex,
          digest: idOf(vertex.digest),
          inputs: vertex.inputs.map(idOf),
          name: vertex.name.startsWith("[")
            ? `[${target} ${vertex.name.slice(1)}`
            : `[${target}] ${vertex.name}`,
        })),
        statuses: statuses.map((one) => ({ ...one, vertex: idOf(one.vertex) })),
        logs: logs.map((one) => ({ ...one, vertex: idOf(one.vertex) })),
        warnings: warnings.map((one) => ({ ...one, vertex: idOf(one.vertex) })),
      }),
  };
}
