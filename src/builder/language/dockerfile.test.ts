import { expect, test } from "bun:test";
import { DockerfileError, excerptOf } from "./dockerfile-error.ts";
import { detectSyntax } from "./directives.ts";
import type { StageInstruction } from "./instruction.ts";
import { parseTrigger } from "./parse-file.ts";
import { type Dockerfile, readDockerfile } from "./stages.ts";

/** The instructions of a one-stage file whose FROM is left out. */
function read(body: string): readonly StageInstruction[] {
  return readDockerfile(`FROM scratch\n${body}`).stages[0]?.instructions ?? [];
}

function failure(text: string): DockerfileError {
  try {
    readDockerfile(text);
  } catch (error) {
    if (error instanceof DockerfileError) return error;
    throw error;
  }
  throw new Error(`${text} was read`);
}

/** What the table compares of an instruction. */
function meaning(body: string): unknown {
  return read(body).map(({ original: _o, range: _r, comments: _c, ...rest }) => rest);
}

test.each<[string, unknown]>([
  ["RUN echo a", { kind: "run", command: { words: ["echo a"], isShell: true } }],
  ['RUN ["echo", "a"]', { kind: "run", command: { words: ["echo", "a"], isShell: false } }],
  ["RUN ['a']", { kind: "run", command: { words: ["['a']"], isShell: true } }],
  ["run echo a", { kind: "run" }],
  ["RUN --network=none true", { kind: "run", network: "none", command: { words: ["true"] } }],
  ["RUN --security=insecure true", { kind: "run", security: "insecure" }],
  ["RUN echo a \\\n  b", { command: { words: ["echo a   b"] } }],
  ["RUN echo a \\\n# note\n  b", { command: { words: ["echo a   b"] } }],
  ["RUN echo a \\  \n\n  b", { command: { words: ["echo a   b"] } }],
  ["RUN echo a \\\\", { command: { words: ["echo a \\\\"] } }],
  ["CMD a b", { kind: "cmd", command: { words: ["a b"], isShell: true } }],
  ["CMD []", { kind: "cmd", command: { words: [], isShell: false } }],
  ["CMD", { kind: "cmd", command: { words: [], isShell: true } }],
  ['ENTRYPOINT ["a"]', { kind: "entrypoint", command: { words: ["a"], isShell: false } }],
  [
    "ENV a=b c='d e'",
    {
      pairs: [
        { name: "a", value: "b" },
        { name: "c", value: "'d e'" },
      ],
    },
  ],
  ["ENV a b  c", { isLegacy: true, pairs: [{ name: "a", value: "b  c" }] }],
  ["ENV a=b\\ c", { pairs: [{ name: "a", value: "b\\ c" }] }],
  ["LABEL a.b=c d", undefined],
  ['LABEL "a b"="c"', { kind: "label", pairs: [{ name: '"a b"', value: '"c"' }] }],
  ["ARG a b=c", { kind: "arg", args: [{ name: "a" }, { name: "b", value: "c" }] }],
  ["EXPOSE 80 81/udp", { kind: "expose", words: ["80", "81/udp"] }],
  ['VOLUME ["/a", "/b c"]', { kind: "volume", words: ["/a", "/b c"] }],
  ["USER a:b", { kind: "user", text: "a:b" }],
  ["WORKDIR /a b", { kind: "workdir", text: "/a b" }],
  ['SHELL ["bash", "-c"]', { kind: "shell", words: ["bash", "-c"] }],
  ["STOPSIGNAL SIGINT", { kind: "stopsignal", text: "SIGINT" }],
  ["MAINTAINER a <b>", { kind: "maintainer", text: "a <b>" }],
  ["HEALTHCHECK NONE", { healthcheck: { test: ["NONE"] } }],
  [
    "HEALTHCHECK --interval=5s --retries=3 CMD a b",
    { healthcheck: { test: ["CMD-SHELL", "a b"], intervalNanoseconds: 5e9, retries: 3 } },
  ],
  ['HEALTHCHECK CMD ["a", "b"]', { healthcheck: { test: ["CMD", "a", "b"] } }],
  ["COPY a b /c/", { kind: "copy", sources: ["a", "b"], destination: "/c/" }],
  ['COPY ["a b", "/c"]', { sources: ["a b"], destination: "/c" }],
  [
    "COPY --from=x --chown=1:2 --chmod=644 --link a /b",
    { from: "x", chown: "1:2", chmod: "644", isLink: true },
  ],
  [
    "COPY --link=false --parents --exclude=*.a --exclude=b a /b",
    { keepsParents: true, excludes: ["*.a", "b"] },
  ],
  ["ADD --keep-git-dir=true --checksum=sha256:1 a /b", { kind: "add", keepsGitDirectory: true }],
  ["ADD --unpack=false a /b", { isUnpacked: false }],
  [
    "COPY <<EOF /a\nb $x\nEOF",
    { files: [{ name: "EOF", content: "b $x\n", isExpanded: true }], sources: [] },
  ],
  [
    "COPY <<'EOF' <<b c /a/\n1\nEOF\n2\nb",
    {
      files: [
        { name: "EOF", isExpanded: false },
        { name: "b", content: "2\n" },
      ],
      sources: ["c"],
    },
  ],
  ["COPY << EOF /a\nb\nEOF", { files: [{ name: "EOF" }], sources: [], destination: "/a" }],
  [
    "RUN <<-EOF\n\ta\n\t\tb\n\tEOF",
    { files: [{ content: "a\nb\n" }], command: { words: ["<<-EOF"] } },
  ],
  ["RUN cat <<a 3<<b\n1\na\n2\nb", { files: [{ content: "1\n" }, { content: "2\n" }] }],
  ["RUN echo $((1<<2)) <(ls)", { files: [] }],
  ["ONBUILD RUN a", { kind: "onbuild", trigger: "RUN a" }],
  ["ONBUILD COPY <<E /a\nb\nE", { trigger: "COPY <<E /a\nb\nE" }],
  [
    "RUN --mount=target=/a true",
    { plainMounts: [{ type: "bind", target: "/a", isReadOnly: true }] },
  ],
  [
    "RUN --mount=type=cache,dst=/a,sharing=locked,mode=700 true",
    { plainMounts: [{ type: "cache", sharing: "locked", mode: 0o700 }] },
  ],
  [
    "RUN --mount=type=tmpfs,target=/a,size=1m true",
    { plainMounts: [{ type: "tmpfs", sizeBytes: 1048576 }] },
  ],
  [
    "RUN --mount=type=secret,id=a/b true",
    { plainMounts: [{ type: "secret", target: "/run/secrets/b" }] },
  ],
  ["RUN --mount=type=secret,id=a,env=A true", { plainMounts: [{ variable: "A" }] }],
  [
    "RUN --mount=type=ssh,required true",
    { plainMounts: [{ type: "ssh", id: "default", isRequired: true }] },
  ],
  [
    `RUN --mount='type=bind,"target=/a,b",rw' true`,
    { plainMounts: [{ target: "/a,b", isReadOnly: false }] },
  ],
])("readDockerfile() understands %j", (body, expected) => {
  if (expected === undefined) {
    expect(() => read(body)).toThrow(DockerfileError);
    return;
  }
  expect(meaning(body)).toMatchObject([expected] as object[]);
});

test.each([
  ["", "file with no instructions"],
  ["# only\n", "file with no instructions"],
  ["RUN a", "dockerfile parse error on line 1: no build stage in current context"],
  ["ARG a", "dockerfile contains no stages to build"],
  [
    "FROM a\nRUNN b",
    "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)",
  ],
  ["FROM a b", "FROM requires either one or three arguments"],
  ["FROM a AS 1b", "invalid name for build stage"],
  ["FROM --platfrom=x a", "unknown flag: --platfrom (did you mean platform?)"],
  ["FROM a\nCOPY b", "requires at least two arguments, but only one was provided"],
  ["FROM a\nCOPY --chmod b /c", "missing a value on flag: chmod"],
  ["FROM a\nCOPY --link=x b /c", "expecting boolean value for flag link, not: x"],
  ["FROM a\nCOPY --from=a --from=b b /c", "duplicate flag specified: from"],
  ["FROM a\nCOPY --from=$x b /c", "doesn't support variable expansion"],
  ["FROM a\nADD --from=b c /d", "unknown flag: --from"],
  ["FROM a\nRUN <<EOF\nx", "unterminated heredoc"],
  ["FROM a\nCOPY a <<EOF\nx\nEOF", "COPY cannot accept a heredoc as a destination"],
  [
    "FROM a\nRUN --mount=type=cach,target=/a b",
    'unsupported mount type "cach" (did you mean cache?)',
  ],
  ["FROM a\nRUN --mount=type=cache b", "target is required for a cache mount"],
  ["FROM a\nRUN --mount=type=tmpfs,target=/a,id=b c", "unexpected key 'id' for mount type 'tmpfs'"],
  ["FROM a\nRUN --mount=type=cache,target=/a,sharing=x c", 'unsupported sharing value "x"'],
  ["FROM a\nRUN --network=hots c", 'network "hots" is not one of'],
  ["FROM a\nENV b", "ENV must have two arguments"],
  ["FROM a\nENV =b", "ENV names can not be blank"],
  ["FROM a\nENV a=b c", 'can\'t find = in "c"'],
  ["FROM a\nARG", "ARG requires at least one argument"],
  ["FROM a\nUSER", "USER requires exactly one argument"],
  ["FROM a\nSHELL bash", "SHELL requires the arguments to be in JSON form"],
  ['FROM a\nCMD ["a", 1]', "arrays must be comprised of strings only"],
  ["FROM a\nHEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"],
  ["FROM a\nHEALTHCHECK PING", 'Unknown type "PING" in HEALTHCHECK (try CMD)'],
  ["FROM a\nHEALTHCHECK --interval=1ns CMD a", "cannot be less than 1ms"],
  ["FROM a\nONBUILD ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ["FROM a\nONBUILD FROM b", "FROM isn't allowed as an ONBUILD trigger"],
  ["# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\"],
  ["# escape=`\n# escape=`\nFROM a", "only one escape parser directive can be used"],
  [`FROM a\nRUN ${"x".repeat(70_000)}`, "dockerfile line greater than max allowed size of 65535"],
])("readDockerfile() refuses %j", (text, message) => {
  expect(failure(text).message).toContain(message);
});

test("directives stand at the top only, and a byte order mark goes", () => {
  const file: Dockerfile = readDockerfile(
    "\uFEFF# syntax=docker/dockerfile:1\n# Escape=`\n\nFROM a\nRUN b `\n c",
  );
  expect(file.directives).toMatchObject({ escape: "`", syntax: "docker/dockerfile:1" });
  expect(file.stages[0]?.instructions[0]).toMatchObject({ command: { words: ["b  c"] } });
  expect(readDockerfile("# note\n# escape=`\nFROM a").directives.escape).toBe("\\");
});

test.each([
  ["# syntax=a/b:1\nFROM x", "a/b:1"],
  ["#!/usr/bin/env x\n# syntax=a\nFROM x", "a"],
  ["// syntax=a\n", "a"],
  ['{"syntax": "a"}', "a"],
  ["FROM x\n# syntax=a", undefined],
])("detectSyntax() finds in %j %s", (text, expected) => {
  expect(detectSyntax(text)?.syntax).toBe(expected as string);
});

test("stages have names in lower case, arguments before them are global", () => {
  const file = readDockerfile(
    "ARG v=1\nFROM --platform=$BUILDPLATFORM a:$v AS Build\nFROM build\n",
  );
  expect(file.globalArgs).toHaveLength(1);
  expect(file.stages.map(({ from }) => [from.base, from.name, from.platform])).toEqual([
    ["a:$v", "build", "$BUILDPLATFORM"],
    ["build", "", ""],
  ]);
});

test("an error says where, and shows the lines around it", () => {
  const text = "FROM a\nRUN b\n  COPY --chonw=1 c d\nRUN e";
  const { range } = failure(text);
  expect(range).toEqual({ startLine: 3, endLine: 3, column: 8 });
  expect(excerptOf({ fileName: "Dockerfile", text }, { startLine: 3, endLine: 3, column: 8 })).toBe(
    [
      "Dockerfile:3:8",
      "--------------------",
      "   1 |     FROM a",
      "   2 |     RUN b",
      "   3 | >>>   COPY --chonw=1 c d",
      "   4 |     RUN e",
      "--------------------",
    ].join("\n"),
  );
});

test("a Dockerfile of 10 MB is read, line by line", () => {
  const text = `FROM scratch\n${`RUN ${"a".repeat(5_000)}\n`.repeat(2_000)}`;
  expect(readDockerfile(text).stages[0]?.instructions).toHaveLength(2_000);
  expect(failure("x".repeat(17 * 1024 * 1024)).message).toContain("the limit is");
});

test("windows line ends are taken away, but in heredocs", () => {
  const [run, copy] = read("RUN a \\\r\n b\r\nCOPY <<E /x\r\n1\r\nE\r\n");
  expect(run).toMatchObject({ command: { words: ["a  b"] } });
  expect(copy).toMatchObject({ files: [{ content: "1\r\n" }] });
});

test("parseTrigger() reads what an image keeps for its children, heredocs too", () => {
  expect(parseTrigger("COPY <<E /a\nb\nE")).toMatchObject({
    keyword: "COPY",
    heredocs: [{ name: "E", content: "b\n" }],
  });
  expect(() => parseTrigger("RUN a\nRUN b")).toThrow("is one instruction");
});
