import { relative } from "node:path";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { formatPath, isList, isMapping, type Position, type Tree, type TreePath } from "./tree.ts";

type Container = Exclude<Tree, string | number | boolean | null>;

/** Where in which file each key and element stood, kept beside the trees while these are merged. */
export class Positions {
  readonly #places = new WeakMap<Container, Map<string | number, Position>>();

  set(container: Container, key: string | number, position: Position): void {
    const places = this.#places.get(container);
    if (places) places.set(key, position);
    else this.#places.set(container, new Map([[key, position]]));
  }

  /** `to` was made of `from`: what stayed keeps its position. */
  inherit(to: Container, ...from: readonly Container[]): void {
    for (const source of from) {
      for (const [key, position] of this.#places.get(source) ?? []) this.set(to, key, position);
    }
  }

  of(container: Container, key: string | number): Position | undefined {
    return this.#places.get(container)?.get(key);
  }

  /** Of the deepest part of the path that stands in a file. */
  find(tree: Tree, path: TreePath): Position | undefined {
    let found: Position | undefined;
    let inner: Tree | undefined = tree;
    for (const part of path) {
      if (!isMapping(inner) && !isList(inner)) break;
      found = this.of(inner, part) ?? found;
      inner = isMapping(inner) ? inner.get(String(part)) : inner[Number(part)];
    }
    return found;
  }
}

/** `compose.yaml:5:3`, the file from the current folder where it is below it. */
export function formatPosition({ file, line, column }: Position): string {
  return `${shortPath(file)}:${line}:${column}`;
}

export function shortPath(file: string): string {
  const fromHere = relative(process.cwd(), file);
  return fromHere === "" || fromHere.startsWith("..") ? file : fromHere;
}

/** What is wrong with a Compose file, and where. */
export interface ComposeFault {
  readonly position?: Position | undefined;
  readonly path?: TreePath | undefined;
  readonly what: string;
}

function faultText({ position, path, what }: ComposeFault): string {
  const place = position === undefined ? "" : `${formatPosition(position)}: `;
  const subject = path === undefined || path.length === 0 ? "" : `${formatPath(path)}: `;
  return withoutControls(`${place}${subject}${what}`);
}

/** What a file says is not to move the cursor of who reads of it. */
function withoutControls(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, (each) => {
    return `\\x${(each.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`;
  });
}

/** An error that points at file, line and column. */
export function composeError(fault: ComposeFault): InvalidArgumentError {
  return new InvalidArgumentError(faultText(fault));
}

/** The same for a file or service that is not there. */
export function composeNotFound(fault: ComposeFault): NotFoundError {
  return new NotFoundError(faultText(fault));
}
