import { InvalidArgumentError } from "#base/errors.ts";

/** The flags of `repo create` and `repo update`. */
interface SettingFlags {
  readonly description: string;
  readonly "immutable-tags": readonly string[];
  readonly public: boolean;
  readonly retention: readonly string[];
}

const LIMITS: Readonly<Record<string, string>> = {
  last: "keepLast",
  pushed: "keepPushedDays",
  pulled: "keepPulledDays",
};

/** Body of the request: what was given, and no more. @throws {InvalidArgumentError} */
export function settingsOf(flags: SettingFlags, isSet: (name: string) => boolean): object {
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
