import { FailedPreconditionError, NotFoundError } from "#base/errors.ts";
import type { Nft, NftChange, NftTableChange } from "#host/nft.ts";
import type { Processes } from "#host/processes.ts";
import type { Libc } from "./ffi/libc.ts";
import { type NftAnswer, NftContext, type Nftables } from "./ffi/libnftables.ts";
import { nftChange, ruleHandles } from "./netlink/nft-requests.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink/socket.ts";
import { watchNftables } from "./nft-watch.ts";
import type { JsThread } from "./thread.ts";

/** `nft -j list ruleset` of a busy host. */
const MOST_OUTPUT_BYTES = 64 << 20;
/** For the largest transaction: some 40,000 elements. */
const BUFFER_BYTES = 4 << 20;

/**
 * nftables through libnftables, else through nft(8). The library does a change in 0.2 ms on the JS thread;
 * the process takes 4 ms, off it.
 */
export class LinuxNft implements Nft, Disposable {
  readonly #libc: Libc;
  readonly #nftables: Nftables | undefined;
  readonly #thread: JsThread;
  readonly #processes: Processes;
  readonly #nftPath: string;
  /** Of the daemon's own namespace, opened at the first use. */
  #home: NftContext | undefined;
  /** The same without the library; stays open, as closing one after a deletion waits for the kernel. */
  #socket: NetlinkSocket | undefined;

  constructor(options: {
    readonly libc: Libc;
    /** Undefined where the library is not installed. */
    readonly nftables: Nftables | undefined;
    readonly thread: JsThread;
    readonly processes: Processes;
    readonly nftPath: string;
  }) {
    this.#libc = options.libc;
    this.#nftables = options.nftables;
    this.#thread = options.thread;
    this.#processes = options.processes;
    this.#nftPath = options.nftPath;
  }

  async run(script: string, namespacePath?: string): Promise<void> {
    const answer = await this.#run(script, "text", namespacePath);
    if (!answer.isOk) throw refusal("Cannot change the nftables rules", answer);
  }

  change(tables: readonly NftTableChange[]): readonly number[] {
    this.#socket ??= new NetlinkSocket({
      libc: this.#libc,
      protocol: NETLINK_NETFILTER,
      bufferBytes: BUFFER_BYTES,
    });
    const answers = this.#socket.transact("Cannot change the nftables rules", nftChange(tables));
    return ruleHandles(answers);
  }

  async list(
    table?: { readonly family: string; readonly name: string },
    namespacePath?: string,
  ): Promise<unknown> {
    const what = table === undefined ? "ruleset" : `table ${table.family} ${table.name}`;
    const answer = await this.#run(`list ${what}`, "json", namespacePath);
    if (answer.isOk) return JSON.parse(answer.output);
    if (answer.error.includes("No such file or directory")) return undefined;
    throw refusal(`Cannot list nftables ${what}`, answer);
  }

  async chains(): Promise<unknown> {
    const answer = await this.#run("list chains", "json");
    if (answer.isOk) return JSON.parse(answer.output);
    throw refusal("Cannot list the chains of nftables", answer);
  }

  watch(onChange: (change: NftChange | undefined) => void): Disposable {
    return watchNftables(this.#libc, onChange);
  }

  [Symbol.dispose](): void {
    this.#home?.[Symbol.dispose]();
    this.#socket?.[Symbol.dispose]();
  }

  async #run(script: string, format: "text" | "json", namespacePath?: string): Promise<NftAnswer> {
    const nftables = this.#nftables;
    if (nftables === undefined) return this.#runProcess(script, format, namespacePath);
    if (namespacePath === undefined) {
      this.#home ??= new NftContext({ nft: nftables, libc: this.#libc });
      return this.#home.run(script, format);
    }
    // A context kept open would keep the namespace alive, and closing it after a deletion waits.
    if (/\b(?:delete|destroy|flush|reset)\b/.test(script)) {
      return this.#runProcess(script, format, namespacePath);
    }
    return this.#thread.inNetwork(namespacePath, () => {
      using context = new NftContext({ nft: nftables, libc: this.#libc });
      return context.run(script, format);
    });
  }

  async #runProcess(
    script: string,
    format: "text" | "json",
    namespacePath: string | undefined,
  ): Promise<NftAnswer> {
    const json = format === "json" ? ["-j"] : [];
    try {
      const { code, stdout, stderr } = await this.#processes.run({
        argv: [this.#nftPath, ...json, "-f", "-"],
        input: script,
        maxOutputBytes: MOST_OUTPUT_BYTES,
        ...(namespacePath === undefined ? {} : { networkNamespacePath: namespacePath }),
      });
      return { isOk: code === 0, output: stdout, error: stderr };
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new FailedPreconditionError(
        `Cannot use nftables: ${this.#nftPath} is missing; install the package nftables`,
        { cause: error },
      );
    }
  }
}

/** nft prints `Error: …`, then the line of the script and a line of `^^^` under the place. */
function refusal(attempt: string, answer: NftAnswer): FailedPreconditionError {
  const lines = answer.error.split("\n");
  const at = lines.findIndex((line) => /\bError: /.test(line));
  const reason = lines[at]?.replace(/^.*?\bError: /, "") ?? answer.error.trim();
  const place = lines[at + 1]?.trim();
  const message = place ? `${attempt}: ${reason} in "${place}"` : `${attempt}: ${reason}`;
  return new FailedPreconditionError(message, { cause: answer.error });
}
