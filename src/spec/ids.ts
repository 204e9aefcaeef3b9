import type { Brand } from "#base/brand.ts";
import { InvalidArgumentError } from "#base/errors.ts";

/** 64 lower-case hex digits, like all IDs here; clients see the first 12 as the short form. */
export type ContainerId = Brand<string, "ContainerId">;
export type ExecId = Brand<string, "ExecId">;
export type NetworkId = Brand<string, "NetworkId">;
export type EndpointId = Brand<string, "EndpointId">;
export type SandboxId = Brand<string, "SandboxId">;
/** Without the leading slash that the Engine API puts before it. */
export type ContainerName = Brand<string, "ContainerName">;
export type VolumeName = Brand<string, "VolumeName">;

/** Fills and returns `byteCount` random bytes; injected so that tests choose them. */
export type RandomBytes = (byteCount: number) => Uint8Array;

const NAME_CHARACTERS = "[a-zA-Z0-9][a-zA-Z0-9_.-]";
const NAME_PATTERN: RegExp = new RegExp(`^${NAME_CHARACTERS}+$`);
/** Longest volume name: it becomes one path component. */
const VOLUME_NAME_MAX_LENGTH = 255;

function isId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function checkedId(text: string, noun: string): string {
  if (!isId(text)) {
    throw new InvalidArgumentError(`Cannot parse ${noun} ID "${text}": want 64 hex digits`);
  }
  return text;
}

/**
 * 64 hex digits whose short form is never all decimal: Docker's rule, so that a short ID is never
 * taken for a number (moby `stringid.GenerateRandomID`).
 */
function newId(randomBytes: RandomBytes): string {
  for (;;) {
    const id = Buffer.from(randomBytes(32)).toString("hex");
    if (!/^[0-9]{12}/.test(id)) return checkedId(id, "generated");
  }
}

/** @throws {InvalidArgumentError} When `text` is not 64 lower-case hex digits. */
export function parseContainerId(text: string): ContainerId {
  return checkedId(text, "container") as ContainerId;
}

/** @throws {InvalidArgumentError} When `text` is not 64 lower-case hex digits. */
export function parseExecId(text: string): ExecId {
  return checkedId(text, "exec") as ExecId;
}

/** @throws {InvalidArgumentError} When `text` is not 64 lower-case hex digits. */
export function parseNetworkId(text: string): NetworkId {
  return checkedId(text, "network") as NetworkId;
}

/** @throws {InvalidArgumentError} When `text` is not 64 lower-case hex digits. */
export function parseEndpointId(text: string): EndpointId {
  return checkedId(text, "endpoint") as EndpointId;
}

/** @throws {InvalidArgumentError} When `text` is not 64 lower-case hex digits. */
export function parseSandboxId(text: string): SandboxId {
  return checkedId(text, "sandbox") as SandboxId;
}

export function newContainerId(randomBytes: RandomBytes): ContainerId {
  return newId(randomBytes) as ContainerId;
}

export function newExecId(randomBytes: RandomBytes): ExecId {
  return newId(randomBytes) as ExecId;
}

export function newNetworkId(randomBytes: RandomBytes): NetworkId {
  return newId(randomBytes) as NetworkId;
}

export function newEndpointId(randomBytes: RandomBytes): EndpointId {
  return newId(randomBytes) as EndpointId;
}

export function newSandboxId(randomBytes: RandomBytes): SandboxId {
  return newId(randomBytes) as SandboxId;
}

/** Name of an anonymous volume: 64 hex digits. */
export function newVolumeName(randomBytes: RandomBytes): VolumeName {
  return newId(randomBytes) as VolumeName;
}

/** First 12 digits of an ID or of a digest's hex part, as the CLI prints them. */
export function shortId(id: string): string {
  const colon = id.indexOf(":");
  return id.slice(colon + 1, colon + 13);
}

/**
 * Accepts one leading slash, as the Engine API prints names with it.
 *
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseContainerName(text: string): ContainerName {
  const name = text.startsWith("/") ? text.slice(1) : text;
  if (!NAME_PATTERN.test(name)) {
    throw new InvalidArgumentError(
      `Invalid container name (${text}), only ${NAME_CHARACTERS} are allowed`,
    );
  }
  return name as ContainerName;
}

/** @throws {InvalidArgumentError} With the text of Docker's local volume driver. */
export function parseVolumeName(text: string): VolumeName {
  if (text.length === 1) {
    throw new InvalidArgumentError(
      `create ${text}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  }
  if (!NAME_PATTERN.test(text)) {
    throw new InvalidArgumentError(
      `create ${text}: ${JSON.stringify(text)} includes invalid characters for a local volume name, ` +
        `only "${NAME_CHARACTERS}" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  if (text.length > VOLUME_NAME_MAX_LENGTH) {
    throw new InvalidArgumentError(
      `create ${text.slice(0, 32)}…: volume name is longer than ${VOLUME_NAME_MAX_LENGTH} characters`,
    );
  }
  return text as VolumeName;
}
