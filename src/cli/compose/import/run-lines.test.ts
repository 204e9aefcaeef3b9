import { expect, test } from "bun:test";
import { messageOf } from "#base/errors.ts";
import { parseRunLines } from "./run-lines.ts";

test("parseRunLines() finds what is run, and passes over the rest", () => {
  const script = `#!/bin/sh
# docker run nobody
docker network create front
docker run -d --name web \\
  -p 80:80 \\
  nginx
  sudo podman container create -e 'A=two words' busybox sh -c "echo hi"
docker run -e "TEXT=one
two" busybox
docker running
`;
  expect(parseRunLines(script)).toEqual([
    { line: 4, words: ["-d", "--name", "web", "-p", "80:80", "nginx"], unexpanded: [] },
    {
      line: 7,
      words: ["-e", "A=two words", "busybox", "sh", "-c", "echo hi"],
      unexpanded: [],
    },
    { line: 8, words: ["-e", "TEXT=one\ntwo", "busybox"], unexpanded: [] },
  ]);
});

test("parseRunLines() names what the shell would have expanded", () => {
  const [line] = parseRunLines(
    "docker run -v $PWD/x:/x -e A='$B' -e C=\"${D:-e}\" -e F=\\$G -e H=`id` -e I=$(id) x",
  );
  expect(line?.unexpanded).toEqual(["$PWD", "${D:-e}", "`id`", "$(id)"]);
});

test("parseRunLines() tells the line of a quote that is never closed", () => {
  let said = "";
  try {
    parseRunLines("\ndocker run 'x\n");
  } catch (error) {
    said = messageOf(error);
  }
  expect(said).toStartWith("line 2: the quote ' in");
});
