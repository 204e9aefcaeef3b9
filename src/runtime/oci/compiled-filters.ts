import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Seccomp, SeccompAction, Spec } from "#spec/oci-runtime.ts";
import type { RuntimeProgram } from "./program.ts";

/*
 * crun compiles a container's seccomp rules with libseccomp each time: 16 of the 25 ms of CPU that a
 * `create` takes. The filter depends on nothing but the rules, crun leaves it as `seccomp.bpf` in the
 * container's folder, and takes one in an annotation. So each set of rules is compiled for the first
 * container that has it, by crun itself, and handed back to crun for the next ones.
 */

/** crun(1): the filter in base64; the rules are then not compiled. */
const FILTER_ANNOTATION = "run.oci.seccomp_bpf_data";
const SECCOMP_ANNOTATIONS = "run.oci.seccomp";
/** Filters of an older libseccomp do not outlive its update by more. */
const KEPT_MS = 3_600_000;
/** Rules are mostly the default ones, with a few sets of capabilities. */
const MOST_FILTERS = 32;

/** What a default action may be for the rules to be a list of what is allowed. */
const DENYING_ACTIONS: ReadonlySet<SeccompAction> = new Set([
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
]);

interface CompiledFilter {
  readonly base64: string;
  readonly madeMs: number;
}

/** The seccomp filters that were compiled lately. */
export class CompiledFilters {
  readonly #nowMs: () => number;
  /** By path of crun and rules. */
  readonly #filters = new Map<string, CompiledFilter>();

  /** @param nowMs Milliseconds of a clock that only goes forward. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * What container `id` is to be made from: `spec`, with its filter where that is known.
   *
   * @returns `learn` is to be called when the container is there.
   */
  apply(
    program: RuntimeProgram,
    id: string,
    spec: Spec,
  ): { readonly spec: Spec; readonly learn: () => void } {
    const rules = spec.linux?.seccomp;
    const nothing = { spec, learn: () => {} };
    if (program.family !== "crun" || !rules || decidesItself(spec)) return nothing;
    const key = JSON.stringify([program.path, rules]);
    const known = this.#filters.get(key);
    if (!known || this.#nowMs() - known.madeMs >= KEPT_MS) {
      return { spec, learn: () => this.#learn(key, join(program.rootDir, id, "seccomp.bpf")) };
    }
    const annotations = { ...spec.annotations, [FILTER_ANNOTATION]: known.base64 };
    const linux = { ...spec.linux, seccomp: withoutKnownRules(rules) };
    return { ...nothing, spec: { ...spec, annotations, linux } };
  }

  #learn(key: string, path: string): void {
    const filter = tryRead(path);
    this.#filters.delete(key);
    if (filter === undefined) return;
    const [oldest] = this.#filters.keys();
    if (this.#filters.size >= MOST_FILTERS && oldest !== undefined) this.#filters.delete(oldest);
    this.#filters.set(key, { base64: filter.toString("base64"), madeMs: this.#nowMs() });
  }
}

/**
 * crun reads the 400 names of Docker's rules for each container and each exec, 0.6 ms of CPU, and uses none when
 * it has the filter. They stay where a crun without it would allow everything, and where somebody is to be asked.
 */
function withoutKnownRules(rules: Seccomp): Seccomp {
  const { syscalls: _, ...others } = rules;
  const isClosed = DENYING_ACTIONS.has(rules.defaultAction) && rules.listenerPath === undefined;
  return isClosed ? others : rules;
}

/** The user's own annotations to crun about seccomp hold, and what comes of them is for that container. */
function decidesItself(spec: Spec): boolean {
  return Object.keys(spec.annotations ?? {}).some((name) => name.startsWith(SECCOMP_ANNOTATIONS));
}

/** A crun that keeps it elsewhere compiles on. */
function tryRead(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length > 0 ? bytes : undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
