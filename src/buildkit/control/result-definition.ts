import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import {
  embedded,
  integer,
  many,
  type Message,
  message,
  text,
  textMap,
} from "#base/protobuf/message.ts";
import type { BuildInput, SolvedImage } from "#builder/builder.ts";
import { StatusError } from "#rpc/status.ts";
import { type Definition, RPC_STATUS } from "#spec/buildkit/shared.ts";
import { SOLVE_ERROR_TYPE } from "#spec/buildkit/solve-error.ts";
import { digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "#spec/media-types.ts";
import {
  imageConfigToWire,
  manifestToWire,
  parseImageConfig,
  parseManifest,
} from "#spec/oci-image.ts";

/**
 * A result as a graph of operations, which is how BuildKit's clients hand the result of one build to another. Ours has one
 * source, which says what image it is: nothing is remembered for it, and its layers are those of the build cache.
 */

interface Source {
  readonly identifier: string;
  readonly attributes: ReadonlyMap<string, string>;
}
const SOURCE: Message<Source> = message({ identifier: text(1), attributes: textMap(2) });

interface Input {
  readonly digest: string;
  readonly index: number;
}
const INPUT: Message<Input> = message({ digest: text(1), index: integer(2) });

/** `pb.Op`, of which there are a source, and an end that only names what it ends. */
interface Operation {
  readonly inputs: readonly Input[];
  readonly source: Source | undefined;
}
const OPERATION: Message<Operation> = message({
  inputs: many(1, INPUT),
  source: embedded(3, SOURCE),
});

const SCHEME = "wharf-result://";
const FAILED = "wharf-failed://";
const ERROR = "wharf.error";
const CONFIG = "wharf.config";
const MANIFEST = "wharf.manifest";

/** The definition of one platform's result, and its configuration; undefined where a layer has no archive. */
export function definitionOf(
  image: SolvedImage,
): { readonly definition: Definition; readonly config: Uint8Array } | undefined {
  const layers = image.layers.map(({ blob }) => blob);
  const blobs = layers.filter((blob) => blob !== undefined);
  if (blobs.length < layers.length) return undefined;
  const config = JSON.stringify(imageConfigToWire(image.config));
  const digest = digestOf(config);
  const manifest = manifestToWire({
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest, sizeBytes: Buffer.byteLength(config) },
    layers: blobs,
    annotations: {},
  });
  const attributes = new Map([
    [CONFIG, config],
    [MANIFEST, JSON.stringify(manifest)],
  ]);
  const definition = graphOf({ identifier: `${SCHEME}${digest}`, attributes });
  return { definition, config: Buffer.from(config) };
}

/** The definition of a result that cannot be had: whoever takes it fails with the same. */
export function failedDefinition({ status }: StatusError): Definition {
  const { code, message: told, details } = status;
  // what is kept of the step is the first build's
  const others = details.filter(({ typeUrl }) => typeUrl !== SOLVE_ERROR_TYPE);
  const error = RPC_STATUS.encode({ code, message: told, details: others });
  const attributes = new Map([[ERROR, Buffer.from(error).toString("base64")]]);
  return graphOf({ identifier: FAILED, attributes });
}

function graphOf(only: Source): Definition {
  const source = OPERATION.encode({ inputs: [], source: only });
  const name = digestOf(source);
  const end = OPERATION.encode({
    inputs: [{ digest: name, index: 0 }],
    source: undefined,
  });
  const metadata = new Map([[name, new Uint8Array()]]);
  return { operations: [source, end], metadata, source: new Uint8Array() };
}

/**
 * What a definition of `definitionOf` stands for.
 *
 * @throws {UnsupportedError} A graph of another kind. {StatusError} What a failed one failed with. {InvalidArgumentError} One that is broken.
 */
export function readResultDefinition(name: string, definition: Definition | undefined): BuildInput {
  const sources = (definition?.operations ?? [])
    .map((bytes) => OPERATION.decode(bytes).source)
    .filter((source) => source !== undefined);
  const [source, other] = sources;
  if (source?.identifier === FAILED) {
    const error = Buffer.from(source.attributes.get(ERROR) ?? "", "base64");
    throw new StatusError(RPC_STATUS.decode(error));
  }
  if (!source || other || !source.identifier.startsWith(SCHEME)) {
    throw new UnsupportedError(
      `Cannot take context ${name}: it is no result of a build of this engine`,
    );
  }
  const [config, manifest] = [source.attributes.get(CONFIG), source.attributes.get(MANIFEST)];
  if (config === undefined || manifest === undefined) {
    throw new InvalidArgumentError(`Cannot take context ${name}: its result says nothing`);
  }
  const { layers } = parseManifest(Buffer.from(manifest), OCI_MANIFEST);
  const read = parseImageConfig(Buffer.from(config));
  if (read.diffIds.length !== layers.length) {
    throw new InvalidArgumentError(
      `Cannot take context ${name}: its layers are not those it names`,
    );
  }
  return { config: read, layers };
}
