import { expect, test } from "bun:test";
import {
  boolFlag,
  filterFlag,
  intFlag,
  listFlag,
  mapFlag,
  splitCsvLine,
  stringFlag,
  stringSliceFlag,
} from "./flags.ts";
import { type ParsedFlags, parseFlags } from "./parse-flags.ts";

const table = {
  all: boolFlag("", { short: "a" }),
  quiet: boolFlag("", { short: "q" }),
  format: stringFlag("", { short: "f" }),
  publish: listFlag("", { short: "p" }),
  last: intFlag("", { short: "n", default: -1 }),
  filter: filterFlag(""),
  opt: mapFlag("", { short: "o" }),
  platform: stringSliceFlag(""),
  old: stringFlag("", { deprecated: "use --format" }),
};

function parse(...words: string[]): ParsedFlags {
  return parseFlags(table, words, true);
}

test("parseFlags() gives initial values and says what was given", () => {
  const { values, given, args } = parse("x");
  expect(values).toMatchObject({ all: false, format: "", publish: [], last: -1 });
  expect([...given]).toEqual([]);
  expect(args).toEqual(["x"]);
  expect(parse("--last=-1").given.has("last")).toBe(true);
});

test("parseFlags() reads every spelling of a value", () => {
  const spellings = [["--format", "x"], ["--format=x"], ["-f", "x"], ["-fx"], ["-f=x"], ["-aqfx"]];
  for (const words of spellings) expect(parse(...words).values["format"]).toBe("x");
  expect(parse("-p80:80", "-p=81:81", "--publish", "82").values["publish"]).toEqual([
    "80:80",
    "81:81",
    "82",
  ]);
  expect(parse("--format=a=b").values["format"]).toBe("a=b");
  expect(parse("-f", "-a").values).toMatchObject({ format: "-a", all: false });
});

test("parseFlags() bundles switches, which take a value only after an equals sign", () => {
  expect(parse("-aq").values).toMatchObject({ all: true, quiet: true });
  expect(parse("--all", "false")).toMatchObject({ args: ["false"] });
  expect(parse("--all=false", "-q=true").values).toMatchObject({ all: false, quiet: true });
});

test("parseFlags() ends the flags at --, and at the first argument where flags do not intersperse", () => {
  expect(parse("a", "--", "-q", "b").args).toEqual(["a", "-q", "b"]);
  expect(parse("a", "-q", "-").args).toEqual(["a", "-"]);
  const image = parseFlags(table, ["-a", "image", "-q", "--", "x"], false);
  expect(image.args).toEqual(["image", "-q", "--", "x"]);
  expect(image.values).toMatchObject({ all: true, quiet: false });
});

test("parseFlags() collects filters, maps and slices", () => {
  const { values } = parse(
    "--filter",
    "Name = a",
    "--filter=name=b",
    "-o",
    "k=v=w",
    "-o",
    "k2",
    "--platform=a,b",
    "--platform",
    "c",
  );
  expect(values).toMatchObject({
    filter: { name: ["a", "b"] },
    opt: { k: "v=w", k2: "" },
    platform: ["a", "b", "c"],
  });
});

test("parseFlags() knows --help everywhere and -h where the letter is free", () => {
  expect(parse("--help").wantsHelp).toBe(true);
  expect(parse("-h")).toMatchObject({
    wantsHelp: true,
    notices: ["Flag shorthand -h has been deprecated, use --help"],
  });
  const own = parseFlags({ hostname: stringFlag("", { short: "h" }) }, ["-h", "x"], true);
  expect(own).toMatchObject({ wantsHelp: false, values: { hostname: "x" } });
  expect(parse("--old", "x").notices).toEqual(["Flag --old has been deprecated, use --format"]);
});

test("parseFlags() words its errors as pflag does", () => {
  const errors: readonly (readonly [readonly string[], string])[] = [
    [["--nope"], "unknown flag: --nope"],
    [["--nope=1"], "unknown flag: --nope"],
    [["-axz"], "unknown shorthand flag: 'x' in -xz"],
    [["---x"], "bad flag syntax: ---x"],
    [["--=x"], "bad flag syntax: --=x"],
    [["--format"], "flag needs an argument: --format"],
    [["-af"], "flag needs an argument: 'f' in -f"],
    [
      ["--all=maybe"],
      'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      ["-n", "x"],
      'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      ["--filter", "x"],
      'invalid argument "x" for "--filter" flag: bad format of filter (expected name=value)',
    ],
    [["--constructor"], "unknown flag: --constructor"],
  ];
  for (const [words, message] of errors) expect(() => parse(...words)).toThrow(message);
});

test("intFlag() reads Go's spellings and refuses what an API number cannot carry", () => {
  const { parse: read } = intFlag("");
  expect(
    ["10", "-1", "+2", "0x10", "0o17", "017", "0b11", "1_000", "0"].map((text) => read(text, 0)),
  ).toEqual([10, -1, 2, 16, 15, 15, 3, 1000, 0]);
  expect(() => read("9223372036854775807", 0)).toThrow("value out of range");
  expect(() => read("1.5", 0)).toThrow("invalid syntax");
  expect(() => intFlag("", { type: "uint16" }).parse("65536", 0)).toThrow("value out of range");
  expect(() => intFlag("", { type: "uint16" }).parse("-1", 0)).toThrow("strconv.ParseUint");
});

test("splitCsvLine() honours quotes", () => {
  expect(splitCsvLine('a,"b,""c",,d')).toEqual(["a", 'b,"c', "", "d"]);
  expect(() => splitCsvLine('"a')).toThrow("extraneous or missing");
  expect(() => splitCsvLine('a"b')).toThrow("bare");
});
