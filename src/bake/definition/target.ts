import type { Entry } from "./entries.ts";

/** What a field of a target holds. */
export type FieldKind =
  | "text"
  | "bool"
  | "texts"
  /** Texts by name. */
  | "map"
  /** The same, where `null` leaves one out. */
  | "nullable-map"
  | "cache"
  | "output"
  | "attest"
  | "secret"
  | "ssh";

export interface Field {
  readonly kind: FieldKind;
  /** What a target says is put to what it inherits, instead of in its place. */
  readonly isAdded: boolean;
}

const replaced = (kind: FieldKind): Field => ({ kind, isAdded: false });
const added = (kind: FieldKind): Field => ({ kind, isAdded: true });

/** One image, or other result, to be built. What is not said is absent. */
export interface TargetFields {
  readonly description?: string;
  readonly inherits?: readonly string[];
  readonly annotations?: readonly string[];
  readonly attest?: readonly Entry[];
  readonly context?: string;
  readonly contexts?: Readonly<Record<string, string>>;
  readonly dockerfile?: string;
  readonly "dockerfile-inline"?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  readonly "cache-from"?: readonly Entry[];
  readonly "cache-to"?: readonly Entry[];
  readonly target?: string;
  readonly secret?: readonly Entry[];
  readonly ssh?: readonly Entry[];
  readonly platforms?: readonly string[];
  readonly output?: readonly Entry[];
  readonly pull?: boolean;
  readonly "no-cache"?: boolean;
  readonly network?: string;
  readonly "no-cache-filter"?: readonly string[];
  readonly "shm-size"?: string;
  readonly ulimits?: readonly string[];
  readonly call?: string;
  readonly entitlements?: readonly string[];
  readonly "extra-hosts"?: Readonly<Record<string, string>>;
}

export type FieldName = keyof TargetFields;

/** All fields of a target, in the order in which buildx prints them. */
export const TARGET_FIELDS: Readonly<Record<FieldName, Field>> = {
  description: replaced("text"),
  inherits: added("texts"),
  annotations: added("texts"),
  attest: added("attest"),
  context: replaced("text"),
  contexts: added("map"),
  dockerfile: replaced("text"),
  "dockerfile-inline": replaced("text"),
  args: added("nullable-map"),
  labels: added("nullable-map"),
  tags: replaced("texts"),
  "cache-from": added("cache"),
  "cache-to": replaced("cache"),
  target: replaced("text"),
  secret: added("secret"),
  ssh: added("ssh"),
  platforms: replaced("texts"),
  output: replaced("output"),
  pull: replaced("bool"),
  "no-cache": replaced("bool"),
  network: replaced("text"),
  "no-cache-filter": added("texts"),
  "shm-size": replaced("text"),
  ulimits: added("texts"),
  call: replaced("text"),
  entitlements: added("texts"),
  "extra-hosts": added("nullable-map"),
};

export interface Target {
  readonly name: string;
  readonly fields: TargetFields;
}

/** Targets and groups that are meant together. */
export interface Group {
  readonly name: string;
  readonly description?: string;
  readonly targets: readonly string[];
}

/** All that the files say. */
export interface Definition {
  readonly targets: readonly Target[];
  readonly groups: readonly Group[];
  readonly variables: readonly Variable[];
}

/** A variable as `--list variables` tells of it. */
export interface Variable {
  readonly name: string;
  readonly description?: string;
  readonly type?: string;
  /** Absent where it is null. */
  readonly value?: string;
}

export const FIELD_NAMES = Object.keys(TARGET_FIELDS) as readonly FieldName[]; // the table's keys

/** `over` on `base`: what it does not say stays. */
export function mergeFields(base: TargetFields, over: TargetFields): TargetFields {
  const merged: Record<string, unknown> = { ...base };
  for (const name of FIELD_NAMES) {
    const value = over[name];
    if (value === undefined) continue;
    const before = base[name];
    const { kind, isAdded } = TARGET_FIELDS[name];
    if (before === undefined || !isAdded) merged[name] = value;
    else if (Array.isArray(before) && Array.isArray(value)) {
      merged[name] = withoutDoubles(kind, [...(before as unknown[]), ...(value as unknown[])]);
    } else if (typeof before === "object" && typeof value === "object") {
      merged[name] = Object.fromEntries([...Object.entries(before), ...Object.entries(value)]);
    } else merged[name] = value;
  }
  return merged as TargetFields; // of the fields of two
}

/** Each once; of attestations one for each type, the last. */
function withoutDoubles(kind: FieldKind, values: readonly unknown[]): readonly unknown[] {
  const found = new Map<string, unknown>();
  for (const value of values) {
    const isType =
      kind === "attest" && typeof value === "object" && value !== null && "type" in value;
    const key = isType ? String(value.type) : JSON.stringify(value);
    if (isType || !found.has(key)) found.set(key, value);
  }
  return [...found.values()];
}

/** As a target is in the end: nothing double, nothing empty. */
export function normalized(fields: TargetFields): TargetFields {
  const done: Record<string, unknown> = {};
  for (const name of FIELD_NAMES) {
    const value = fields[name];
    if (Array.isArray(value)) {
      const kept = withoutDoubles(TARGET_FIELDS[name].kind, value).filter((one) => one !== "");
      if (kept.length > 0) done[name] = kept;
    } else if (value !== undefined) done[name] = value;
  }
  const { contexts, network, entitlements } = done as TargetFields; // as above
  if (contexts) {
    const kept = Object.entries(contexts).filter(([, one]) => one !== "");
    done["contexts"] = kept.length > 0 ? Object.fromEntries(kept) : undefined;
  }
  if (network === "host" && !entitlements?.includes("network.host")) {
    done["entitlements"] = [...(entitlements ?? []), "network.host"];
  }
  return done as TargetFields; // of known fields
}
