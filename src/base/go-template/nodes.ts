import { quoteGo } from "#base/go-number.ts";

/** The syntax tree. `at` is the offset that error messages point to. */

export type Operand =
  | { readonly kind: "dot"; readonly at: number }
  | { readonly kind: "nil"; readonly at: number }
  | { readonly kind: "bool"; readonly at: number; readonly value: boolean }
  | { readonly kind: "number"; readonly at: number; readonly value: number; readonly text: string }
  | { readonly kind: "string"; readonly at: number; readonly value: string; readonly text: string }
  | { readonly kind: "function"; readonly at: number; readonly name: string }
  | { readonly kind: "field"; readonly at: number; readonly names: readonly string[] }
  | {
      readonly kind: "variable";
      readonly at: number;
      readonly name: string;
      readonly names: readonly string[];
    }
  | {
      readonly kind: "chain";
      readonly at: number;
      readonly base: Operand;
      readonly names: readonly string[];
    }
  | Pipe;

export interface Command {
  readonly at: number;
  readonly operands: readonly Operand[];
}

export interface Pipe {
  readonly kind: "pipe";
  readonly at: number;
  /** Names with their `$`; two in `range $index, $element := …`. */
  readonly variables: readonly string[];
  readonly isAssign: boolean;
  readonly commands: readonly Command[];
}

export interface Branch {
  readonly kind: "if" | "with" | "range";
  readonly at: number;
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

export type Node =
  | { readonly kind: "text"; readonly at: number; readonly text: string }
  | { readonly kind: "action"; readonly at: number; readonly pipe: Pipe }
  | { readonly kind: "break"; readonly at: number }
  | { readonly kind: "continue"; readonly at: number }
  | {
      readonly kind: "template";
      readonly at: number;
      readonly name: string;
      readonly pipe: Pipe | undefined;
    }
  | Branch;

/** The source text again, as Go's nodes print themselves in error messages. */
export function describeOperand(operand: Operand): string {
  switch (operand.kind) {
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(operand.value);
    case "number":
    case "string":
      return operand.text;
    case "function":
      return operand.name;
    case "field":
      return operand.names.map((name) => `.${name}`).join("");
    case "variable":
      return [operand.name, ...operand.names].join(".");
    case "chain": {
      const base = describeOperand(operand.base);
      const isPipe = operand.base.kind === "pipe";
      return [isPipe ? `(${base})` : base, ...operand.names].join(".");
    }
    case "pipe":
      return describePipe(operand);
  }
}

export function describeCommand(command: Command): string {
  return command.operands
    .map((operand) =>
      operand.kind === "pipe" ? `(${describePipe(operand)})` : describeOperand(operand),
    )
    .join(" ");
}

function describePipe(pipe: Pipe): string {
  const sign = pipe.isAssign ? " = " : " := ";
  const declaration = pipe.variables.length > 0 ? pipe.variables.join(", ") + sign : "";
  return declaration + pipe.commands.map(describeCommand).join(" | ");
}

export function describeTemplateCall(name: string, pipe: Pipe | undefined): string {
  return `{{template ${quoteGo(name)}${pipe ? ` ${describePipe(pipe)}` : ""}}}`;
}
