import type { BuildView } from "#cli/image/building/progress/build-view.ts";
import type { StatusResponse } from "#spec/buildkit/control.ts";
import { type StepReport, WHY_VERTEX } from "#spec/buildkit/step-report.ts";

/** A view that keeps to itself what the engine says of why steps are done. */
export class WhyView implements BuildView {
  readonly #view: BuildView;
  readonly #hidden = new Set<string>();
  #text = "";

  constructor(view: BuildView) {
    this.#view = view;
  }

  end(): void {
    this.#view.end();
  }

  onStatus(status: StatusResponse): void {
    for (const { digest, name } of status.vertices) {
      if (name === WHY_VERTEX) this.#hidden.add(digest);
    }
    for (const { vertex, message } of status.logs) {
      if (this.#hidden.has(vertex)) this.#text += Buffer.from(message).toString();
    }
    this.#view.onStatus({
      ...status,
      vertices: status.vertices.filter(({ digest }) => !this.#hidden.has(digest)),
      logs: status.logs.filter(({ vertex }) => !this.#hidden.has(vertex)),
    });
  }

  /** What came so far; undefined where the engine says nothing of it. */
  get reports(): readonly StepReport[] | undefined {
    if (this.#hidden.size === 0) return undefined;
    const lines = this.#text.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as StepReport); // the engine's own form
  }
}
