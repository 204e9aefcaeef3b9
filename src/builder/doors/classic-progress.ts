import type { BuildEvent } from "#builder/events.ts";
import type { Digest } from "#spec/digest.ts";

type Line = Readonly<Record<string, unknown>>;
type InstructionEvent = Extract<BuildEvent, { readonly type: "instruction" }>;

const SHORT_ID = 12;

interface Instruction {
  readonly number: number;
  readonly lines: Line[];
  hasEnded: boolean;
}

function short(id: Digest): string {
  return id.replace(/^sha256:/, "").slice(0, SHORT_ID);
}

/**
 * The classic builder's progress from a build whose stages run side by side: what an instruction says waits until those
 * before it in the file have ended.
 */
export class ClassicProgress {
  readonly #write: (line: Line) => void;
  readonly #waiting = new Map<number, Instruction>();
  readonly #byVertex = new Map<Digest, Instruction>();
  readonly #decoders = new Map<Digest, TextDecoder>();
  /** Position of the instruction that is told of as it goes on. */
  #current = 1;

  constructor(write: (line: Line) => void) {
    this.#write = write;
  }

  take(event: BuildEvent): void {
    if (event.type === "instruction") this.#instruction(event);
    else if (event.type === "log") this.#log(event);
    else if (event.type === "warning") this.#write({ stream: warningLine(event) });
  }

  /** Tells what waits, when nothing more will come. */
  flush(): void {
    const waiting = [...this.#waiting.values()].toSorted((a, b) => a.number - b.number);
    for (const { lines } of waiting) for (const line of lines.splice(0)) this.#write(line);
  }

  #instruction(event: InstructionEvent): void {
    const { number, total, text, vertexId } = event;
    const instruction = this.#waiting.get(number) ?? { number, lines: [], hasEnded: false };
    this.#waiting.set(number, instruction);
    if (event.phase === "begin") {
      if (vertexId) this.#byVertex.set(vertexId, instruction);
      this.#say(instruction, { stream: `Step ${number}/${total} : ${text}` }, { stream: "\n" });
      return;
    }
    if (event.isCached) this.#say(instruction, { stream: " ---> Using cache\n" });
    if (event.imageId) this.#say(instruction, { stream: ` ---> ${short(event.imageId)}\n` });
    instruction.hasEnded = true;
    this.#advance();
  }

  #log({ vertexId, bytes }: Extract<BuildEvent, { readonly type: "log" }>): void {
    const instruction = this.#byVertex.get(vertexId);
    if (!instruction) return;
    const decoder = this.#decoders.get(vertexId) ?? new TextDecoder();
    if (!this.#decoders.has(vertexId)) {
      this.#decoders.set(vertexId, decoder);
      this.#say(instruction, { stream: ` ---> Running in ${short(vertexId)}\n` });
    }
    this.#say(instruction, { stream: decoder.decode(bytes, { stream: true }) });
  }

  #say(instruction: Instruction, ...lines: readonly Line[]): void {
    if (instruction.number === this.#current) for (const line of lines) this.#write(line);
    else instruction.lines.push(...lines);
  }

  #advance(): void {
    for (;;) {
      const instruction = this.#waiting.get(this.#current);
      if (!instruction) return;
      for (const line of instruction.lines.splice(0)) this.#write(line);
      if (!instruction.hasEnded) return;
      this.#waiting.delete(this.#current);
      this.#current++;
    }
  }
}

function warningLine({
  rule,
  message,
  range,
}: Extract<BuildEvent, { readonly type: "warning" }>): string {
  const place = range ? ` (line ${range.startLine})` : "";
  return `[Warning] ${rule}: ${message}${place}\n`;
}
