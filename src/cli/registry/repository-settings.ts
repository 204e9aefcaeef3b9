import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, exactly } from "#cli/command/command.ts";
import { boolFlag, type FlagValues, listFlag, stringFlag } from "#cli/command/flags.ts";
import { defineRestCommand, pathOf } from "./api.ts";

const FLAGS = {
  description: stringFlag("Shown by searches"),
  "immutable-tags": listFlag("Pattern of tags that are set once and stay, as v*; empty for none"),
  public: boolFlag("Everybody may pull"),
  retention: listFlag("What is kept, as tags=n-*,last=5,pushed=30 (days) or pulled=7"),
};

type SettingFlags = FlagValues<typeof FLAGS>;

/** `repo create` and `repo update`: the same settings, by another method. */
export function defineSettingsCommand(method: "PUT" | "PATCH"): Command {
  return defineRestCommand({
    usage: "[OPTIONS] REPOSITORY",
    args: exactly(1),
    flags: FLAGS,
    async run(api, { args, flags, isSet }, cli) {
      const [name = ""] = args;
      await api.request(method, `/repositories${pathOf(name)}`, settingsOf(flags, isSet));
      cli.output.write(`${name}\n`);
    },
  });
}

const LIMITS: Readonly<Record<string, string>> = {
  last: "keepLast",
  pushed: "keepPushedDays",
  pulled: "keepPulledDays",
};

/** Body of the request: what was given, and no more. @throws {InvalidArgumentError} */
function settingsOf(flags: SettingFlags, isSet: (name: string) => boolean): object {
  const isGiven = (text: string): boolean => text !== "";
  return {
    ...(isSet("description") ? { description: flags.description } : {}),
    ...(isSet("immutable-tags") ? { immutableTags: flags["immutable-tags"].filter(isGiven) } : {}),
    ...(isSet("public") ? { public: flags.public } : {}),
    ...(isSet("retention")
      ? { retention: flags.retention.filter(isGiven).map(parseRetentionRule) }
      : {}),
  };
}

/** `tags=nightly-*,last=5,pushed=30` */
export function parseRetentionRule(text: string): Readonly<Record<string, string | number>> {
  const rule: Record<string, string | number> = {};
  for (const part of text.split(",")) {
    const [key = "", value = ""] = part.split("=", 2);
    const limit = LIMITS[key];
    if (key === "tags" && value !== "") rule["tags"] = value;
    else if (limit !== undefined && /^\d{1,6}$/.test(value)) rule[limit] = Number(value);
    else {
      throw new InvalidArgumentError(
        `Cannot read retention rule "${text}": want tags=PATTERN,last=N,pushed=DAYS,pulled=DAYS`,
      );
    }
  }
  return rule;
}
