import { integer } from "#bake/hcl/exact-number.ts";
import { ArgumentError, hclFunction } from "#bake/hcl/function.ts";
import type { HclFunction } from "#bake/hcl/scope.ts";
import {
  compareTexts,
  list,
  number,
  nullOf,
  object,
  STRING,
  text,
  tuple,
  type Value,
} from "#bake/hcl/value.ts";
import {
  asInteger,
  asText,
  asTexts,
  listParameter,
  numberParameter,
  textParameter,
} from "./arguments.ts";

/** Letters as readers see them: an accent belongs to its letter. */
function lettersOf(value: string): readonly string[] {
  const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
  return [...segmenter.segment(value)].map(({ segment }) => segment);
}

function ofText(run: (value: string) => string): HclFunction {
  return hclFunction([textParameter("str")], (value) => text(run(asText(value))));
}

function ofTwo(
  names: readonly [string, string],
  run: (one: string, two: string) => string,
): HclFunction {
  return hclFunction(names.map(textParameter), (one, two) => text(run(asText(one), asText(two))));
}

const texts = (values: readonly string[]): Value => list(STRING, values.map(text));

function trimmed(value: string, cutset: string): string {
  const letters = Array.from(value);
  const cut = new Set(cutset);
  let [from, to] = [0, letters.length];
  while (from < to && cut.has(letters[from] ?? "")) from++;
  while (to > from && cut.has(letters[to - 1] ?? "")) to--;
  return letters.slice(from, to).join("");
}

function part(value: string, offset: number, length: number): string {
  const letters = lettersOf(value);
  const from = offset < 0 ? Math.max(0, letters.length + offset) : offset;
  return letters.slice(from, length < 0 ? undefined : from + length).join("");
}

/** A pattern of Go's as JavaScript writes it. */
function patternOf(source: string, flags: string): RegExp {
  const [head = "", given = ""] = /^\(\?([ims]+)\)/.exec(source) ?? [];
  const named = source.slice(head.length).replaceAll("(?P<", "(?<");
  const plain = named.replaceAll(String.raw`\A`, "^").replaceAll(String.raw`\z`, "$");
  try {
    return new RegExp(plain, `${flags}${given}u`);
  } catch (error) {
    throw new ArgumentError(
      0,
      `invalid regexp pattern: ${error instanceof Error ? error.message : ""}`,
    );
  }
}

/** What a pattern found: the whole, or its groups. */
function matchValue(match: RegExpExecArray | RegExpMatchArray): Value {
  const group = (found: string | undefined): Value =>
    found === undefined ? nullOf(STRING) : text(found);
  const names = Object.keys(match.groups ?? {});
  if (names.length > 0) {
    if (names.length !== match.length - 1) {
      throw new ArgumentError(0, "named and unnamed groups cannot be mixed");
    }
    return object(names.map((name) => [name, group(match.groups?.[name])]));
  }
  const [whole = "", ...groups] = match;
  return groups.length > 0 ? tuple(groups.map(group)) : text(whole);
}

/** `$1` and `${name}` as Go has them. */
function replacementOf(
  template: string,
  match: readonly string[],
  groups: Readonly<Record<string, string>>,
): string {
  return template.replaceAll(/\$(?:\$|\{(\w+)\}|(\w+))/g, (_, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    if (name === undefined) return "$";
    return (/^\d+$/.test(name) ? match[Number(name)] : groups[name]) ?? "";
  });
}

function replacedBy(value: string, pattern: RegExp, template: string): string {
  return [...value.matchAll(pattern)].reduceRight((done, match) => {
    const end = match.index + match[0].length;
    const put = replacementOf(template, match, match.groups ?? {});
    return `${done.slice(0, match.index)}${put}${done.slice(end)}`;
  }, value);
}

export const TEXT_FUNCTIONS: Readonly<Record<string, HclFunction>> = {
  chomp: ofText((value) => value.replace(/[\r\n]+$/, "")),
  indent: hclFunction([numberParameter("spaces"), textParameter("str")], (spaces, value) => {
    const count = asInteger(spaces, 0);
    if (count < 0 || count > 1000) throw new ArgumentError(0, "0 to 1000 spaces can be put");
    return text(asText(value).replaceAll("\n", `\n${" ".repeat(count)}`));
  }),
  join: hclFunction(
    [textParameter("separator")],
    (separator, ...lists) => {
      if (lists.length === 0) throw new ArgumentError(-1, "at least one list is required");
      const all = lists.flatMap((one, index) => asTexts(one, index + 1));
      return text(all.join(asText(separator)));
    },
    listParameter("lists", STRING),
  ),
  lower: ofText((value) => value.toLowerCase()),
  replace: hclFunction(["str", "substr", "replace"].map(textParameter), (value, old, put) =>
    text(asText(value).replaceAll(asText(old), () => asText(put))),
  ),
  reverse: ofText((value) => lettersOf(value).toReversed().join("")),
  regex: hclFunction(["pattern", "string"].map(textParameter), (pattern, value) => {
    const match = patternOf(asText(pattern), "").exec(asText(value));
    if (!match) throw new ArgumentError(-1, "pattern did not match any part of the given string");
    return matchValue(match);
  }),
  regexall: hclFunction(["pattern", "string"].map(textParameter), (pattern, value) =>
    tuple([...asText(value).matchAll(patternOf(asText(pattern), "g"))].map(matchValue)),
  ),
  regex_replace: hclFunction(
    ["str", "pattern", "replace"].map(textParameter),
    (value, pattern, put) =>
      text(replacedBy(asText(value), patternOf(asText(pattern), "g"), asText(put))),
  ),
  sanitize: ofText((value) => value.replaceAll(/[^a-zA-Z0-9_-]/gu, "_")),
  sort: hclFunction([listParameter("list", STRING)], (values) =>
    texts(asTexts(values, 0).toSorted(compareTexts)),
  ),
  split: hclFunction(["separator", "str"].map(textParameter), (separator, value) =>
    texts(
      asText(separator) === "" ? Array.from(asText(value)) : asText(value).split(asText(separator)),
    ),
  ),
  strlen: hclFunction([textParameter("str")], (value) =>
    number(integer(lettersOf(asText(value)).length)),
  ),
  substr: hclFunction(
    [textParameter("str"), numberParameter("offset"), numberParameter("length")],
    (value, offset, length) =>
      text(part(asText(value), asInteger(offset, 1), asInteger(length, 2))),
  ),
  title: ofText((value) =>
    value.replaceAll(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before: string, letter: string) => `${before}${letter.toUpperCase()}`,
    ),
  ),
  trim: ofTwo(["str", "cutset"], trimmed),
  trimprefix: ofTwo(["str", "prefix"], (value, prefix) =>
    value.startsWith(prefix) ? value.slice(prefix.length) : value,
  ),
  trimspace: ofText((value) => value.trim()),
  trimsuffix: ofTwo(["str", "suffix"], (value, suffix) =>
    suffix !== "" && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value,
  ),
  upper: ofText((value) => value.toUpperCase()),
  basename: ofText((value) => {
    if (value === "") return ".";
    const name = value.replace(/\/+$/, "");
    return name === "" ? "/" : name.slice(name.lastIndexOf("/") + 1);
  }),
  dirname: ofText((value) => {
    const found = value.slice(0, value.lastIndexOf("/") + 1);
    return cleaned(found);
  }),
};

/** Go's `path.Clean`. */
function cleaned(path: string): string {
  const isRooted = path.startsWith("/");
  const kept: string[] = [];
  for (const word of path.split("/")) {
    if (word === "" || word === ".") continue;
    if (word !== "..") kept.push(word);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!isRooted) kept.push("..");
  }
  const joined = kept.join("/");
  if (isRooted) return `/${joined}`;
  return joined === "" ? "." : joined;
}
