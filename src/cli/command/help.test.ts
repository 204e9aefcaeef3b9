import { expect, test } from "bun:test";
import { commands } from "#cli/commands.ts";
import { globalFlags } from "./globals.ts";
import { commandHelp, groupHelp, topLevelHelp } from "./help.ts";
import { expectGolden } from "#cli/testing/golden.ts";
import { wrapText } from "#base/wrap-text.ts";

const width = 80;

async function helpOf(typed: string): Promise<string> {
  const entry = commands.find((one) => one.path === typed || one.aliases?.includes(typed));
  if (!entry) throw new TypeError(`no command ${typed}`);
  const { command } = await entry.load();
  return commandHelp("wharf", entry, typed, command, width);
}

test("commandHelp() has docker's layout and wraps where docker wraps", async () => {
  for (const typed of [
    "ps",
    "image load",
    "context create",
    "volume create",
    "system dial-stdio",
  ]) {
    const file = `../testdata/help-${typed.replace(" ", "-")}.txt`;
    expectGolden(await helpOf(typed), new URL(file, import.meta.url));
  }
});

test("every command's help fits its terminal", async () => {
  for (const entry of commands) {
    const { command } = await entry.load();
    const options = commandHelp("wharf", entry, entry.path, command, width).split("Options:\n")[1];
    for (const line of (options ?? "").split("\n")) expect(line.length).toBeLessThanOrEqual(width);
  }
});

test("every command's help names each of its flags that is not hidden", async () => {
  for (const entry of commands) {
    const { command } = await entry.load();
    const text = commandHelp("wharf", entry, entry.path, command, width);
    const shown = [...text.matchAll(/^ {2}(?:-\w, | {4})--([\w-]+)/gm)].map(([, name]) => name);
    const visible = Object.entries(command.flags)
      .filter(([, flag]) => !flag.hidden && flag.deprecated === undefined)
      .map(([name]) => name);
    expect(new Set(shown.filter((name) => name !== "help"))).toEqual(new Set(visible));
  }
});

test("groupHelp() lists the commands of a group", () => {
  expectGolden(
    groupHelp("wharf", "context", undefined, width),
    new URL("../testdata/help-context.txt", import.meta.url),
  );
});

test("topLevelHelp() groups commands, and begins with the common ones", () => {
  const help = topLevelHelp("wharf", globalFlags({ HOME: "/root" }), width);
  expect(help).toStartWith(
    "Usage:  wharf [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n\nCommon Commands:\n",
  );
  for (const title of ["Management Commands:", "\nCommands:", "Global Options:"])
    expect(help).toContain(title);
  expect(help).toContain(
    '      --config string      Location of client config files (default\n                           "/root/.docker")\n',
  );
  expect(help).not.toContain("dial-stdio");
});

test("wrapText() breaks at blanks, keeps line breaks, and lets a short end run over", () => {
  expect(wrapText("aaa bbb ccc ddd eee fff ggg", 4, 32)).toBe("aaa bbb ccc ddd eee fff ggg");
  expect(wrapText("aaa bbb ccc ddd eee fff ggg hhh iii", 4, 32)).toBe(
    "aaa bbb ccc ddd eee\n    fff ggg hhh iii",
  );
  expect(wrapText("one\ntwo", 4, 80)).toBe("one\n    two");
  expect(wrapText("aaa bbb", 70, 80)).toBe("\n                aaa bbb");
});
