import {
  bytes,
  embedded,
  integer,
  type Message,
  message,
  text,
  textMap,
} from "#base/protobuf/message.ts";

/** Service of containerd's content store (api/services/content/v1/content.proto), which clients and engines offer. */
const CONTENT_SERVICE = "/containerd.services.content.v1.Content/";
export const CONTENT_INFO: string = `${CONTENT_SERVICE}Info`;
export const CONTENT_READ: string = `${CONTENT_SERVICE}Read`;
export const CONTENT_WRITE: string = `${CONTENT_SERVICE}Write`;
/** Metadata of each call on a client's session: which of its stores is meant. */
export const STORE_ID_KEY = "buildkit-attachable-store-id";

export interface ContentInfo {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly labels: ReadonlyMap<string, string>;
}
const CONTENT_INFO_MESSAGE: Message<ContentInfo> = message({
  digest: text(1),
  sizeBytes: integer(2),
  labels: textMap(5),
});

export interface InfoRequest {
  readonly digest: string;
}
export const INFO_REQUEST: Message<InfoRequest> = message({ digest: text(1) });

export interface InfoResponse {
  readonly info: ContentInfo | undefined;
}
export const CONTENT_INFO_RESPONSE: Message<InfoResponse> = message({
  info: embedded(1, CONTENT_INFO_MESSAGE),
});

export interface ReadRequest {
  readonly digest: string;
  readonly offset: number;
  /** To the end where 0. */
  readonly sizeBytes: number;
}
export const READ_REQUEST: Message<ReadRequest> = message({
  digest: text(1),
  offset: integer(2),
  sizeBytes: integer(3),
});

export interface ReadResponse {
  readonly offset: number;
  readonly data: Uint8Array;
}
export const READ_RESPONSE: Message<ReadResponse> = message({ offset: integer(1), data: bytes(2) });

/** `WriteAction` */
export const WRITE_DATA = 1;
export const WRITE_COMMIT = 2;

export interface WriteRequest {
  readonly action: number;
  /** Name of the write, until it is committed. */
  readonly ref: string;
  readonly total: number;
  /** Digest that the whole has to have. */
  readonly expected: string;
  readonly offset: number;
  readonly data: Uint8Array;
}
export const WRITE_REQUEST: Message<WriteRequest> = message({
  action: integer(1),
  ref: text(2),
  total: integer(3),
  expected: text(4),
  offset: integer(5),
  data: bytes(6),
});

export interface WriteResponse {
  readonly action: number;
  readonly offset: number;
  readonly digest: string;
}
export const WRITE_RESPONSE: Message<WriteResponse> = message({
  action: integer(1),
  offset: integer(4),
  digest: text(6),
});
