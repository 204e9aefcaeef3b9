import { expect, test } from "bun:test";
import { EMPTY_EXECUTION_CONFIG } from "#spec/oci-image.ts";
import { applyChanges } from "./changes.ts";

// Texts of docker 28.5
test.each([
  ["RUN foo", "RUN is not a valid change command"],
  ["FOO bar", "FOO is not a valid change command"],
  ["ENV", "ENV requires at least one argument"],
  ["ENV a", "ENV must have two arguments"],
  ["ENV a=b c", `Syntax error - can't find = in "c". Must be of the form: name=value`],
  ["ENV =x", "ENV names can not be blank"],
  ["LABEL", "LABEL requires at least one argument"],
  ["LABEL a", "LABEL must have two arguments"],
  ["EXPOSE", "EXPOSE requires at least one argument"],
  ["EXPOSE abc", "Invalid containerPort: abc"],
  ["EXPOSE 99999", "Invalid containerPort: 99999"],
  ["EXPOSE 80/xyz", "Invalid proto: xyz"],
  ["USER", "USER requires exactly one argument"],
  ["WORKDIR", "WORKDIR requires exactly one argument"],
  ["VOLUME", "VOLUME requires at least one argument"],
  ["VOLUME []", "VOLUME requires at least one argument"],
  [`VOLUME [""]`, "VOLUME specified can not be an empty string"],
  ["STOPSIGNAL foo", "invalid signal: foo"],
  ["STOPSIGNAL", "STOPSIGNAL requires exactly one argument"],
  ["HEALTHCHECK", "HEALTHCHECK requires at least one argument"],
  ["HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"],
  ["HEALTHCHECK FOO", `Unknown type "FOO" in HEALTHCHECK (try CMD)`],
  ["HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"],
  ["HEALTHCHECK --interval=x CMD a", `time: invalid duration "x"`],
  ["HEALTHCHECK --interval=1us CMD a", `Interval "interval" cannot be less than 1ms`],
  ["HEALTHCHECK --foo=1 CMD a", "unknown flag: --foo"],
  ["HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)"],
  ["ONBUILD", "ONBUILD requires at least one argument"],
  ["ONBUILD ONBUILD x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
  ["", "file with no instructions"],
  ["# c", "file with no instructions"],
  ["CMD --foo=x a", "unknown flag: --foo"],
  [
    `ENV a="b`,
    `failed to process "\\"b": unexpected end of statement while looking for matching double-quote`,
  ],
  [`cmd ["a",1]`, "when using JSON array syntax, arrays must be comprised of strings only"],
])("applyChanges() refuses %j as docker does", (change, message) => {
  expect(() => applyChanges(EMPTY_EXECUTION_CONFIG, [change])).toThrow(message);
});

test("applyChanges() makes the config that docker makes", () => {
  const changes = [
    "LABEL a=b=c",
    `LABEL "x y"="z w" q=1`,
    `ENV A=1 B="2 3"`,
    "ENV C a b c",
    "ENV D=$A-x",
    "ENV E=${A:-z}y",
    "EXPOSE 80 443/udp 8000-8002",
    "VOLUME /a b",
    `VOLUME ["/c","/d e"]`,
    "WORKDIR rel",
    "WORKDIR sub",
    "USER $A",
    "CMD echo $A",
    `ENTRYPOINT ["/x", "y"]`,
    "STOPSIGNAL 9",
    "HEALTHCHECK --interval=5s --retries=3 --start-interval=2s CMD curl x",
    "ONBUILD RUN a   b",
    "onbuild copy x y",
  ];
  expect(applyChanges(EMPTY_EXECUTION_CONFIG, changes)).toEqual({
    user: "1",
    exposedPorts: ["443/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"],
    env: ["A=1", "B=2 3", "C=a b c", "D=1-x", "E=1y"],
    cmd: ["/bin/sh", "-c", "echo $A"],
    entrypoint: ["/x", "y"],
    volumes: ["/a", "/c", "/d e", "b"],
    workingDir: "/rel/sub",
    labels: { a: "b=c", "x y": "z w", q: "1" },
    stopSignal: "9",
    healthcheck: {
      test: ["CMD-SHELL", "curl x"],
      intervalNanoseconds: 5_000_000_000,
      timeoutNanoseconds: 0,
      startPeriodNanoseconds: 0,
      startIntervalNanoseconds: 2_000_000_000,
      retries: 3,
    },
    onBuild: ["RUN a   b", "copy x y"],
    argsEscaped: false,
  });
});

test("applyChanges() joins continued lines and skips comments", () => {
  const changed = applyChanges(EMPTY_EXECUTION_CONFIG, ["ENV a=1 \\\n# no\n  b=2", "CMD x\nCMD y"]);
  expect(changed.env).toEqual(["a=1", "b=2"]);
  expect(changed.cmd).toEqual(["/bin/sh", "-c", "y"]);
});
