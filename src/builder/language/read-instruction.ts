import type { ImageHealthcheck } from "#spec/oci-image.ts";
import { DockerfileError } from "./dockerfile-error.ts";
import { type InstructionFlags, readFlags } from "./flags.ts";
import { bodyOf, tryParseHeredocStart } from "./heredoc.ts";
import type {
  Command,
  CopyInstruction,
  FromInstruction,
  InlineFile,
  Instruction,
  OnbuildInstruction,
  Pair,
  RunInstruction,
  StageInstruction,
} from "./instruction.ts";
import type { InstructionNode } from "./node.ts";
import { readHealthcheck } from "./read-healthcheck.ts";
import { MountSyntaxError, parseRunMount, type RunMount } from "./run-mounts.ts";

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;

/**
 * What one instruction means, variables not replaced yet.
 *
 * @throws {DockerfileError} With BuildKit's words.
 */
export function readInstruction(node: InstructionNode): Instruction {
  return node.keyword === "FROM" ? readFrom(node) : readStageInstruction(node);
}

/** As `readInstruction`, of anything but FROM. */
export function readStageInstruction(node: InstructionNode): StageInstruction {
  const common = commonOf(node);
  switch (node.keyword) {
    case "RUN":
      return readRun(node);
    case "COPY":
    case "ADD":
      return readCopy(node);
    case "ENV":
    case "LABEL": {
      readFlags(node, {});
      atLeastOne(node);
      const kind = node.keyword === "ENV" ? "env" : "label";
      return {
        ...common,
        kind,
        pairs: node.args.map((arg) => pairOf(node, arg)),
        isLegacy: node.isLegacyPair,
      };
    }
    case "ARG":
      readFlags(node, {});
      atLeastOne(node);
      return {
        ...common,
        kind: "arg",
        args: node.args.map(({ text, value }) => {
          if (text === "") fail(node, "ARG names can not be blank");
          return value === undefined ? { name: text } : { name: text, value };
        }),
      };
    case "CMD":
    case "ENTRYPOINT":
      readFlags(node, {});
      return {
        ...common,
        kind: node.keyword === "CMD" ? "cmd" : "entrypoint",
        command: commandOf(node),
      };
    case "USER":
    case "WORKDIR":
    case "STOPSIGNAL":
    case "MAINTAINER": {
      readFlags(node, {});
      const kinds = {
        USER: "user",
        WORKDIR: "workdir",
        STOPSIGNAL: "stopsignal",
        MAINTAINER: "maintainer",
      } as const;
      return { ...common, kind: kinds[node.keyword], text: exactlyOne(node) };
    }
    case "EXPOSE":
    case "VOLUME": {
      readFlags(node, {});
      atLeastOne(node);
      const words = node.args.map(({ text }) => text);
      if (node.keyword === "EXPOSE") return { ...common, kind: "expose", words };
      if (words.some((word) => word.trim() === "")) {
        fail(node, "VOLUME specified can not be an empty string");
      }
      return { ...common, kind: "volume", words: words.map((word) => word.trim()) };
    }
    case "SHELL": {
      readFlags(node, {});
      if (!node.isJson) fail(node, "SHELL requires the arguments to be in JSON form");
      atLeastOne(node);
      return { ...common, kind: "shell", words: node.args.map(({ text }) => text) };
    }
    case "HEALTHCHECK":
      return { ...common, kind: "healthcheck", healthcheck: health(node) };
    case "ONBUILD":
      return readOnbuild(node);
    case "FROM":
      return fail(node, "FROM isn't allowed here");
  }
}

function fail(node: Pick<InstructionNode, "range">, reason: string): never {
  throw new DockerfileError(reason, node.range);
}

function commonOf({ original, range, comments }: InstructionNode): {
  readonly original: string;
  readonly range: InstructionNode["range"];
  readonly comments: readonly string[];
} {
  return { original, range, comments };
}

function atLeastOne(node: InstructionNode): void {
  if (node.args.length === 0) fail(node, `${node.keyword} requires at least one argument`);
}

function exactlyOne(node: InstructionNode): string {
  const [first, ...others] = node.args;
  if (!first || others.length > 0)
    return fail(node, `${node.keyword} requires exactly one argument`);
  return first.text;
}

function pairOf(
  node: InstructionNode,
  arg: { readonly text: string; readonly value?: string },
): Pair {
  if (arg.text === "") fail(node, `${node.keyword} names can not be blank`);
  return { name: arg.text, value: arg.value ?? "" };
}

function commandOf(node: InstructionNode): Command {
  return { words: node.args.map(({ text }) => text), isShell: !node.isJson };
}

function readFrom(node: InstructionNode): FromInstruction {
  const flags = readFlags(node, { platform: "text" });
  const words = node.args.map(({ text }) => text);
  const [base = "", as = "", writtenName = ""] = words;
  if (words.length !== 1 && (words.length !== 3 || as.toLowerCase() !== "as")) {
    fail(node, "FROM requires either one or three arguments");
  }
  const name = writtenName.toLowerCase();
  if (words.length === 3 && !STAGE_NAME.test(name)) {
    fail(
      node,
      `invalid name for build stage: ${JSON.stringify(writtenName)}, name can't start with a number or contain symbols`,
    );
  }
  const isUpper = (word: string): boolean => word === word.toUpperCase();
  return {
    ...commonOf(node),
    kind: "from",
    base,
    name,
    writtenName,
    platform: flags.text("platform") ?? "",
    hasMatchingCase: as === "" || isUpper(as) === isUpper(node.writtenKeyword),
  };
}

function inlineFiles(node: InstructionNode): readonly InlineFile[] {
  return node.heredocs.map((heredoc) => ({
    name: heredoc.name,
    content: bodyOf(heredoc),
    isExpanded: heredoc.isExpanded,
  }));
}

function readRun(node: InstructionNode): RunInstruction {
  const flags = readFlags(node, {
    mount: "texts",
    network: "text",
    security: "text",
    device: "texts",
  });
  atLeastOne(node);
  const mounts = flags.texts("mount");
  return {
    ...commonOf(node),
    kind: "run",
    command: commandOf(node),
    files: inlineFiles(node),
    mounts,
    plainMounts: mounts.map((text) => plainMount(node, text)),
    network: oneOf(node, flags, "network", ["default", "none", "host"]),
    security: oneOf(node, flags, "security", ["sandbox", "insecure"]),
    devices: flags.texts("device"),
  };
}

function plainMount(node: InstructionNode, text: string): RunMount {
  try {
    return parseRunMount(text);
  } catch (error) {
    if (error instanceof MountSyntaxError) return fail(node, error.message);
    throw error;
  }
}

/** @returns The first of `words` where the flag is not there. */
function oneOf<Word extends string>(
  node: InstructionNode,
  flags: InstructionFlags,
  name: string,
  words: readonly [Word, ...Word[]],
): Word {
  const text = flags.text(name);
  if (text === undefined) return words[0];
  const found = words.find((word) => word === text);
  return found ?? fail(node, `${name} ${JSON.stringify(text)} is not one of ${words.join(", ")}`);
}

function readCopy(node: InstructionNode): CopyInstruction {
  const isAdd = node.keyword === "ADD";
  const flags = readFlags(node, {
    chown: "text",
    chmod: "text",
    link: "boolean",
    exclude: "texts",
    ...(isAdd
      ? { "keep-git-dir": "boolean", checksum: "text", unpack: "boolean" }
      : { from: "text", parents: "boolean" }),
  } as const);
  if (node.args.length === 0) atLeastOne(node);
  if (node.args.length === 1) {
    fail(
      node,
      `${node.keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
    );
  }
  const words = node.args.map(({ text }) => text);
  const destination = words.at(-1) ?? "";
  const given = words.slice(0, -1);
  const isHeredoc = (word: string): boolean =>
    !node.isJson && tryParseHeredocStart(word) !== undefined;
  if (isHeredoc(destination))
    fail(node, `${node.keyword} cannot accept a heredoc as a destination`);
  const from = flags.text("from");
  if (from?.includes("$")) {
    fail(node, "'from' doesn't support variable expansion, define alias stage instead");
  }
  const [chown, chmod, checksum] = ["chown", "chmod", "checksum"].map((name) => flags.text(name));
  const keepsGitDirectory = flags.boolean("keep-git-dir");
  const isUnpacked = flags.boolean("unpack");
  const sources = dropHeredocs(given, isHeredoc);
  return {
    ...commonOf(node),
    kind: isAdd ? "add" : "copy",
    sources,
    files: inlineFiles(node),
    destination,
    ...(from === undefined ? {} : { from }),
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod }),
    isLink: flags.boolean("link") ?? false,
    keepsParents: flags.boolean("parents") ?? false,
    excludes: flags.texts("exclude"),
    ...(keepsGitDirectory === undefined ? {} : { keepsGitDirectory }),
    ...(checksum === undefined ? {} : { checksum }),
    ...(isUnpacked === undefined ? {} : { isUnpacked }),
  };
}

/** A blank behind `<<` makes two words of one heredoc. */
function dropHeredocs(
  words: readonly string[],
  isHeredoc: (word: string) => boolean,
): readonly string[] {
  const kept: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (isHeredoc(word)) continue;
    if (/^\d*<<-?$/.test(word) && isHeredoc(word + (words[at + 1] ?? ""))) at++;
    else kept.push(word);
  }
  return kept;
}

function health(node: InstructionNode): ImageHealthcheck {
  return readHealthcheck(node);
}

function readOnbuild(node: InstructionNode): OnbuildInstruction {
  readFlags(node, {});
  const { child } = node;
  if (!child) return fail(node, "ONBUILD requires at least one argument");
  if (child.keyword === "ONBUILD") {
    fail(node, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  }
  if (child.keyword === "MAINTAINER" || child.keyword === "FROM") {
    fail(node, `${child.keyword} isn't allowed as an ONBUILD trigger`);
  }
  const bodies = node.heredocs.map(({ content, name }) => `\n${content}${name}`).join("");
  return {
    ...commonOf(node),
    kind: "onbuild",
    trigger: child.original + bodies,
    instruction: readStageInstruction(child),
  };
}
