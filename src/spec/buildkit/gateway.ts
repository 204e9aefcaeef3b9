import {
  bytesMap,
  embedded,
  flag,
  many,
  type Message,
  message,
  messageMap,
  text,
  textMap,
} from "#base/protobuf/message.ts";
import {
  CACHE_OPTIONS_ENTRY,
  type CacheOptionsEntry,
  type Definition,
  DEFINITION,
  RPC_STATUS,
  type RpcStatus,
  WORKER_RECORD,
  type WorkerRecord,
} from "./shared.ts";

/** Service by which a client drives a build (frontend/gateway/pb/gateway.proto). */
export const GATEWAY_SERVICE = "/moby.buildkit.v1.frontend.LLBBridge/";
/** Metadata of each call: the `ref` of the build that it belongs to. */
export const BUILD_ID_KEY = "buildkit-controlapi-buildid";

/** `apicaps.APICap` */
export interface ApiCapability {
  readonly id: string;
  readonly isEnabled: boolean;
}
const API_CAPABILITY: Message<ApiCapability> = message({ id: text(1), isEnabled: flag(2) });

export interface PongResponse {
  readonly frontend: readonly ApiCapability[];
  readonly operations: readonly ApiCapability[];
  readonly workers: readonly WorkerRecord[];
}
export const PONG_RESPONSE: Message<PongResponse> = message({
  frontend: many(1, API_CAPABILITY),
  operations: many(2, API_CAPABILITY),
  workers: many(3, WORKER_RECORD),
});

export interface GatewaySolveRequest {
  readonly definition: Definition | undefined;
  readonly frontend: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** The answer is a `GatewayResult`, with a definition for each of its refs. */
  readonly allowsResult: boolean;
  readonly allowsDefinitions: boolean;
  readonly cacheImports: readonly CacheOptionsEntry[];
  readonly inputs: ReadonlyMap<string, Definition | undefined>;
  readonly evaluates: boolean;
}
export const GATEWAY_SOLVE_REQUEST: Message<GatewaySolveRequest> = message({
  definition: embedded(1, DEFINITION),
  frontend: text(2),
  attributes: textMap(3),
  allowsResult: flag(5),
  allowsDefinitions: flag(6),
  cacheImports: many(12, CACHE_OPTIONS_ENTRY),
  inputs: messageMap(13, DEFINITION),
  evaluates: flag(14),
});

/** One platform's result. */
export interface Ref {
  readonly id: string;
  readonly definition: Definition | undefined;
}
const REF: Message<Ref> = message({ id: text(1), definition: embedded(2, DEFINITION) });

export interface RefMap {
  readonly refs: ReadonlyMap<string, Ref | undefined>;
}
const REF_MAP: Message<RefMap> = message({ refs: messageMap(1, REF) });

/** Metadata of a result: the image's configuration; of several platforms each has one, under `KEY/os/arch`. */
export const IMAGE_CONFIG_KEY = "containerimage.config";
/** Metadata of a result for several platforms: `{"Platforms":[{"ID":"linux/amd64","Platform":{…}}]}`. */
export const PLATFORMS_KEY = "refs.platforms";

export interface GatewayResult {
  readonly ref: Ref | undefined;
  readonly refs: RefMap | undefined;
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** By platform, each a list that is handed back as it came. */
  readonly attestations: ReadonlyMap<string, Uint8Array>;
}
const GATEWAY_RESULT: Message<GatewayResult> = message({
  ref: embedded(3, REF),
  refs: embedded(4, REF_MAP),
  metadata: bytesMap(10),
  attestations: bytesMap(11),
});

export interface GatewaySolveResponse {
  readonly result: GatewayResult | undefined;
}
export const GATEWAY_SOLVE_RESPONSE: Message<GatewaySolveResponse> = message({
  result: embedded(3, GATEWAY_RESULT),
});

export interface ReturnRequest {
  readonly result: GatewayResult | undefined;
  readonly error: RpcStatus | undefined;
}
export const RETURN_REQUEST: Message<ReturnRequest> = message({
  result: embedded(1, GATEWAY_RESULT),
  error: embedded(2, RPC_STATUS),
});

/** What a client must find in `PongResponse.frontend` before it runs processes in the files of a build. */
export const EXEC_CAPABILITY = "gateway.exec";

export interface EvaluateRequest {
  /** A result's name. */
  readonly ref: string;
}
export const EVALUATE_REQUEST: Message<EvaluateRequest> = message({ ref: text(1) });
