import type { BuiltLayer } from "#builder/solver/built-layer.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import type { RandomBytes } from "#spec/ids.ts";
import { descriptorToWire } from "#spec/oci-image.ts";
import { type ProvenanceFacts, toldAttributes } from "./provenance.ts";

type Run = Pick<ProvenanceFacts, "invocationId" | "startedMs" | "finishedMs" | "layersOf">;

/** As long as BuildKit's ids. */
const ID_LENGTH = 25;
const ID_BYTES = 16;

export function newInvocationId(randomBytes: RandomBytes): string {
  return idOf(Buffer.from(randomBytes(ID_BYTES)).toString("hex"));
}

function idOf(hex: string): string {
  return BigInt(`0x${hex}`).toString(36).padStart(ID_LENGTH, "0").slice(0, ID_LENGTH);
}

/**
 * Which run of a build is meant, and when it was. With `SOURCE_DATE_EPOCH` the same for each run that does the same, so that
 * what is stated of a result that can be made again can be made again too.
 */
export function runOf(
  sourceDateSeconds: number | undefined,
  facts: Pick<ProvenanceFacts, "attributes" | "nodes" | "materials">,
  actual: { readonly id: string; readonly startedMs: number; readonly finishedMs: number },
): Run {
  if (sourceDateSeconds === undefined) {
    const { id, startedMs, finishedMs } = actual;
    return { invocationId: id, startedMs, finishedMs, layersOf: blobsOf };
  }
  const timeMs = sourceDateSeconds * 1000;
  const steps = facts.nodes.map(({ op, inputs }) => [op, inputs]);
  const said = digestOf(JSON.stringify([toldAttributes(facts.attributes), steps, facts.materials]));
  const invocationId = idOf(digestHex(said).slice(0, ID_BYTES * 2));
  // the layers of this run may have other times than those that are given away
  return { invocationId, startedMs: timeMs, finishedMs: timeMs, layersOf: () => undefined };
}

/** The layers' tars, where all of them are there. */
function blobsOf(layers: readonly BuiltLayer[]): readonly object[] | undefined {
  const blobs = layers.flatMap(({ blob }) => (blob ? [descriptorToWire(blob)] : []));
  return blobs.length === layers.length ? blobs : undefined;
}
