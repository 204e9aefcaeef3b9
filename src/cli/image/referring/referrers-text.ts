import { stringifyJson } from "#base/json.ts";
import { type Descriptor, descriptorToWire } from "#spec/oci-image.ts";
import type { ReferrerNode } from "./find-referrers.ts";

const UNKNOWN_TYPE = "<unknown>";

/** What a registry's text would do to a terminal is shown in place of done. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "�");
}

interface Branch {
  readonly label: string;
  readonly below: readonly Branch[];
}

function byType(nodes: readonly ReferrerNode[], withAnnotations: boolean): readonly Branch[] {
  const groups = Map.groupBy(nodes, ({ descriptor }) => descriptor.artifactType ?? UNKNOWN_TYPE);
  return [...groups].map(([type, members]) => ({
    label: plain(type),
    below: members.map(({ descriptor, referrers }) => ({
      label: descriptor.digest,
      below: [
        ...(withAnnotations ? annotationsOf(descriptor) : []),
        ...byType(referrers, withAnnotations),
      ],
    })),
  }));
}

function annotationsOf({ annotations = {} }: Descriptor): readonly Branch[] {
  const names = Object.keys(annotations).toSorted();
  if (names.length === 0) return [];
  const below = names.map((name) => ({
    label: plain(`${name}: ${annotations[name] ?? ""}`),
    below: [],
  }));
  return [{ label: "[annotations]", below }];
}

function* linesOf(branches: readonly Branch[], indent: string): Generator<string> {
  for (const [index, { label, below }] of branches.entries()) {
    const isLast = index === branches.length - 1;
    yield `${indent}${isLast ? "└── " : "├── "}${label}`;
    yield* linesOf(below, `${indent}${isLast ? "    " : "│   "}`);
  }
}

/** The tree of an image's referrers, by what they are; a line each. */
export function referrersTree(
  name: string,
  nodes: readonly ReferrerNode[],
  withAnnotations: boolean,
): string {
  const lines = [name, ...linesOf(byType(nodes, withAnnotations), "")];
  return lines.map((line) => `${line}\n`).join("");
}

/** All of them, an image's own before what refers to those. */
export function flattenReferrers(nodes: readonly ReferrerNode[]): readonly Descriptor[] {
  return nodes.flatMap(({ descriptor, referrers }) => [descriptor, ...flattenReferrers(referrers)]);
}

/** @param repository `localhost:5000/app`; each manifest is named with it and its digest. */
export function referrersJson(
  repository: string,
  image: Descriptor,
  nodes: readonly ReferrerNode[],
): string {
  const toWire = ({ descriptor, referrers }: ReferrerNode): unknown => ({
    reference: `${repository}@${descriptor.digest}`,
    ...descriptorToWire(descriptor),
    ...(referrers.length > 0 ? { referrers: referrers.map(toWire) } : {}),
  });
  const value = {
    reference: `${repository}@${image.digest}`,
    ...descriptorToWire(image),
    referrers: nodes.map(toWire),
  };
  return `${stringifyJson(value, { indent: "  " })}\n`;
}
