import { expect, test } from "bun:test";
import { stepCommandText } from "./step-command.ts";

test("stepCommandText() finds the shell and the script that it was given", () => {
  expect(stepCommandText(["/bin/sh", "-c", "make &&\n  make install"])).toEqual({
    shell: "/bin/sh",
    script: "make &&\n  make install",
    text: "make &&\n  make install",
  });
  expect(stepCommandText(["/bin/bash", "-o", "pipefail", "-c", "a | b"])).toMatchObject({
    shell: "/bin/bash",
    script: "a | b",
  });
});

test("stepCommandText() quotes a program's arguments as a shell takes them", () => {
  expect(stepCommandText(["/usr/bin/env", "A=b", "it's", "", "$x"])).toEqual({
    shell: "/bin/sh",
    script: undefined,
    text: `/usr/bin/env A=b 'it'\\''s' '' '$x'`,
  });
});
