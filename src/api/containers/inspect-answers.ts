import type { ContainerDetails } from "#containers/containers.ts";
import type { ApiVersion } from "#spec/engine-api/version.ts";
import { inspectToWire } from "./inspect.ts";

/** Answers that are kept, and how long each may be: 1 to 2 MB as a rule, 8 MB where all are long and not latin1. */
const MAX_ANSWERS = 256;
const MAX_LENGTH = 16 * 1024;

interface Answer {
  readonly version: ApiVersion;
  readonly text: string;
}

/**
 * Answers to `GET /containers/{id}/json`. The same details give the same answer, so it is kept by them: to make it
 * took 60 µs of CPU, the rest of the request takes 30 to 50.
 */
export class InspectAnswers {
  readonly #bridgeName: string;
  /** The longest kept first. */
  readonly #answers = new Map<ContainerDetails, Answer>();

  constructor(bridgeName: string) {
    this.#bridgeName = bridgeName;
  }

  /** @returns JSON in the shape of `version`, with a line end. */
  text(details: ContainerDetails, version: ApiVersion): string {
    const kept = this.#answers.get(details);
    if (kept?.version === version) return kept.text;
    const text = `${JSON.stringify(inspectToWire(details, version, this.#bridgeName))}\n`;
    // sizes are measured each time, and nobody gets these details again
    if (!details.sizes && text.length <= MAX_LENGTH) this.#keep(details, { version, text });
    return text;
  }

  #keep(details: ContainerDetails, answer: Answer): void {
    this.#answers.set(details, answer);
    if (this.#answers.size <= MAX_ANSWERS) return;
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest);
      return;
    }
  }
}
