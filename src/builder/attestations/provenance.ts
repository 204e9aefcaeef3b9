import type { FrontendAttributes } from "#builder/attributes.ts";
import type { SourceRange, SourceText } from "#builder/language/dockerfile-error.ts";
import type { BuiltLayer } from "#builder/solver/built-layer.ts";
import { formatPlatform, type Platform } from "#spec/platform.ts";
import { withoutCredentials } from "./redact.ts";
import { type Attestation, SLSA_V02, SLSA_V1 } from "./statement.ts";
import { type AskedCredential, type Material, nodeDigest, type TraceNode } from "./trace.ts";
import type { ProvenanceWish } from "./wishes.ts";

/** All that is told of how a result was made. */
export interface ProvenanceFacts {
  readonly attributes: FrontendAttributes;
  readonly nodes: readonly TraceNode[];
  /** Of them the one that the result is. */
  readonly target: string | undefined;
  readonly materials: readonly Material[];
  readonly credentials: readonly AskedCredential[];
  /** Folders of the client's that the build asked for. */
  readonly locals: readonly string[];
  readonly source: SourceText;
  readonly builderPlatform: Platform;
  readonly invocationId: string;
  readonly startedMs: number;
  readonly finishedMs: number;
  /** The layers' blobs, by node, where they are known. */
  readonly layersOf: (layers: readonly BuiltLayer[]) => readonly object[] | undefined;
}

const BUILD_TYPE_V02 = "https://mobyproject.org/buildkit@v1";
const BUILD_TYPE_V1 =
  "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";
const METADATA_V02 = "https://mobyproject.org/buildkit@v1#metadata";
/** About this host or this run, and not what is made. */
const NOT_TOLD: ReadonlySet<string> = new Set([
  "build-arg:BUILDKIT_SANDBOX_HOSTNAME",
  "cache-imports",
  "cgroup-parent",
  "context",
  "contextkey",
  "dockerfilekey",
  "filename",
  "image-resolve-mode",
  "platform",
  "requestid",
  "source",
]);

/**
 * How a result was made, as BuildKit states it.
 *
 * @see https://slsa.dev/spec/v0.2/provenance, https://slsa.dev/spec/v1.0/provenance
 */
export function writeProvenance(facts: ProvenanceFacts, wish: ProvenanceWish): Attestation {
  const isV1 = wish.version === "v1";
  return {
    predicateType: isV1 ? SLSA_V1 : SLSA_V02,
    predicate: isV1 ? predicateV1(facts, wish) : predicateV02(facts, wish),
    fileName: "provenance.json",
    isInlineOnly: wish.isInlineOnly,
  };
}

function predicateV02(facts: ProvenanceFacts, wish: ProvenanceWish): object {
  const { invocationId, startedMs, finishedMs, materials, builderPlatform } = facts;
  const graph = wish.mode === "max" ? graphOf(facts) : undefined;
  const { uri, digest, entryPoint } = configSource(facts);
  return {
    builder: { id: wish.builderId },
    buildType: BUILD_TYPE_V02,
    ...(materials.length > 0 ? { materials } : {}),
    invocation: {
      configSource: { ...(uri === undefined ? {} : { uri, digest }), entryPoint },
      parameters: parametersOf(facts, wish),
      environment: { platform: formatPlatform(builderPlatform) },
    },
    ...(graph ? { buildConfig: graph.buildConfig } : {}),
    metadata: {
      buildInvocationID: invocationId,
      buildStartedOn: timeOf(startedMs),
      buildFinishedOn: timeOf(finishedMs),
      completeness: {
        parameters: wish.mode === "max",
        environment: true,
        materials: facts.locals.length === 0,
      },
      reproducible: wish.isReproducible,
      [METADATA_V02]: graph?.metadata ?? {},
    },
  };
}

function predicateV1(facts: ProvenanceFacts, wish: ProvenanceWish): object {
  const { invocationId, startedMs, finishedMs, materials, builderPlatform } = facts;
  const graph = wish.mode === "max" ? graphOf(facts) : undefined;
  const { uri, digest, entryPoint } = configSource(facts);
  return {
    buildDefinition: {
      buildType: BUILD_TYPE_V1,
      ...(materials.length > 0 ? { resolvedDependencies: materials } : {}),
      externalParameters: {
        configSource: { ...(uri === undefined ? {} : { uri, digest }), path: entryPoint },
        request: parametersOf(facts, wish),
      },
      internalParameters: {
        ...(graph ? { buildConfig: graph.buildConfig } : {}),
        builderPlatform: formatPlatform(builderPlatform),
      },
    },
    runDetails: {
      builder: { id: wish.builderId },
      metadata: {
        invocationId,
        startedOn: timeOf(startedMs),
        finishedOn: timeOf(finishedMs),
        buildkit_metadata: graph?.metadata ?? {},
        ...(wish.isReproducible ? { buildkit_reproducible: true } : {}),
        buildkit_completeness: {
          request: wish.mode === "max",
          resolvedDependencies: facts.locals.length === 0,
        },
      },
    },
  };
}

function timeOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** Where the Dockerfile comes from: a repository where that is the context, else a folder of the client's. */
function configSource({ attributes, materials }: ProvenanceFacts): {
  readonly uri?: string;
  readonly digest?: Material["digest"];
  readonly entryPoint: string;
} {
  const entryPoint = attributes["filename"] || "Dockerfile";
  const context = attributes["context"];
  if (context === undefined || context === "") return { entryPoint };
  const uri = withoutCredentials(context);
  const material = materials.find((one) => one.uri === uri);
  return { uri, ...(material ? { digest: material.digest } : {}), entryPoint };
}

/** What the client asked for: with `min` nothing that a user may have put a secret into. */
function parametersOf(facts: ProvenanceFacts, { mode }: ProvenanceWish): object {
  const isMax = mode === "max";
  const told = toldAttributes(facts.attributes).filter(
    ([name]) => isMax || !/^(?:build-arg|label):/.test(name),
  );
  const asked = (kind: AskedCredential["kind"]): readonly object[] =>
    facts.credentials
      .filter((one) => one.kind === kind)
      .map(({ id, isOptional }) => ({ id, ...(isOptional ? { optional: true } : {}) }));
  const secrets = isMax ? asked("secret") : [];
  const ssh = isMax ? asked("ssh") : [];
  return {
    frontend: "dockerfile.v0",
    ...(told.length > 0 ? { args: Object.fromEntries(told) } : {}),
    ...(secrets.length > 0 ? { secrets } : {}),
    ...(ssh.length > 0 ? { ssh } : {}),
    ...(facts.locals.length > 0 ? { locals: facts.locals.map((name) => ({ name })) } : {}),
  };
}

/** What a client asked for, without what is about this host or this run; by name. */
export function toldAttributes(
  attributes: FrontendAttributes,
): readonly (readonly [name: string, value: string])[] {
  return Object.entries(attributes)
    .filter(([name]) => !NOT_TOLD.has(name) && !name.startsWith("attest:"))
    .map(([name, value]) => [name, withoutCredentials(value)] as const)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
}

/** The steps, each after those that it needs, and which lines they stand in. */
function graphOf(facts: ProvenanceFacts): {
  readonly buildConfig: object;
  readonly metadata: object;
} {
  const { nodes, target, source } = facts;
  const names = new Map(nodes.map(({ id }, at) => [id, `step${at}`]));
  const inputsOf = (ids: readonly string[]): readonly string[] =>
    ids.flatMap((id) => (names.has(id) ? [`${names.get(id)}:0`] : []));
  const steps = nodes.map((node) => ({
    id: names.get(node.id),
    op: { Op: node.op, ...platformOf(node.platform), constraints: {} },
    ...(node.inputs.length > 0 ? { inputs: inputsOf(node.inputs) } : {}),
  }));
  const last = { id: `step${nodes.length}`, op: { Op: {} } };
  const end = { ...last, ...(target === undefined ? {} : { inputs: inputsOf([target]) }) };
  const mapping = nodes.map((node) => [nodeDigest(node), names.get(node.id)] as const);
  const locations = nodes.map(({ id, ranges }) => [names.get(id), locationsOf(ranges)] as const);
  const layers = nodes.flatMap(({ id, layers: own }) => {
    const blobs = own && facts.layersOf(own);
    return blobs ? [[`${names.get(id)}:0`, [blobs]] as const] : [];
  });
  return {
    buildConfig: {
      llbDefinition: [...steps, end],
      digestMapping: Object.fromEntries(
        mapping.toSorted(([left], [right]) => (left < right ? -1 : 1)),
      ),
    },
    metadata: {
      source: {
        locations: Object.fromEntries(locations),
        infos: [
          {
            filename: source.fileName,
            language: "Dockerfile",
            data: Buffer.from(source.text).toString("base64"),
          },
        ],
      },
      ...(layers.length > 0 ? { layers: Object.fromEntries(layers) } : {}),
    },
  };
}

function platformOf(platform: Platform | undefined): object {
  if (!platform) return {};
  const { architecture, os, variant } = platform;
  const wire = { Architecture: architecture, OS: os, ...(variant ? { Variant: variant } : {}) };
  return { platform: wire };
}

function locationsOf(ranges: readonly SourceRange[]): object {
  if (ranges.length === 0) return {};
  return {
    locations: ranges.map(({ startLine, endLine }) => ({
      ranges: Array.from({ length: endLine - startLine + 1 }, (_, at) => ({
        start: { line: startLine + at },
        end: { line: startLine + at },
      })),
    })),
  };
}
