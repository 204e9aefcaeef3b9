import { hostFlags } from "./host-flags.ts";
import type { Wish, WishedEndpoint } from "./wish.ts";
import { csvLine, formatNanoseconds, pairs, shellWord, type Word } from "./words.ts";
import { isUserDefinedNetwork } from "#spec/engine-api/host-config.ts";

const LINE_WIDTH = 96;

const healthActionLabel = "wharf.health.on-failure";

/** The words after the program's name: `run`, flags, image, command. */
export function runWords(wish: Wish): readonly Word[] {
  const { entrypoint, command } = wish;
  const [program = "", ...fixed] = entrypoint ?? [];
  return [
    "run",
    "--name",
    wish.name,
    ...(wish.platform === undefined ? [] : ["--platform", wish.platform]),
    ...streamFlags(wish),
    ...processFlags(wish),
    ...healthFlags(wish),
    ...networkFlags(wish),
    ...hostFlags(wish.host, ownFields(wish)),
    ...(entrypoint === undefined ? [] : ["--entrypoint", program]),
    wish.image,
    ...fixed,
    ...command,
  ];
}

/** On user-defined networks the links are the endpoint's, and the flag says both. */
function ownFields(wish: Wish): Wish["ownHostFields"] {
  const endpointLinks = wish.endpoints.flatMap(({ Links }) => Links);
  return endpointLinks.length > 0
    ? wish.ownHostFields.filter((field) => field !== "Links")
    : wish.ownHostFields;
}

function streamFlags({ config }: Wish): readonly string[] {
  const { AttachStdin, AttachStdout, AttachStderr, OpenStdin, Tty } = config;
  const streams = [
    // `-i` attaches the input, too
    ...(AttachStdin && !OpenStdin ? ["stdin"] : []),
    ...(AttachStdout ? ["stdout"] : []),
    ...(AttachStderr ? ["stderr"] : []),
  ];
  const isDetached = !AttachStdin && !AttachStdout && !AttachStderr;
  const isUsual = AttachStdout && AttachStderr && streams.length === 2;
  return [
    ...(isDetached ? ["-d"] : []),
    ...(OpenStdin ? ["-i"] : []),
    ...(Tty ? ["-t"] : []),
    ...(isDetached || isUsual ? [] : repeatedText("-a", streams)),
  ];
}

function repeatedText(flag: string, values: readonly string[]): readonly string[] {
  return values.flatMap((value) => [flag, value]);
}

function option(flag: string, value: string | number | undefined): readonly string[] {
  return value === undefined || value === "" ? [] : [flag, String(value)];
}

function processFlags({ config }: Wish): readonly string[] {
  const { [healthActionLabel]: _action, ...labels } = config.Labels;
  return [
    ...option("--hostname", config.Hostname),
    ...option("--domainname", config.Domainname),
    ...option("--user", config.User),
    ...option("--workdir", config.WorkingDir),
    ...repeatedText("-e", config.Env),
    ...pairs("--label", labels),
    ...repeatedText("-v", Object.keys(config.Volumes)),
    ...repeatedText(
      "--expose",
      Object.keys(config.ExposedPorts).map((port) => port.replace(/\/tcp$/, "")),
    ),
    ...option("--stop-signal", config.StopSignal),
    ...option("--stop-timeout", config.StopTimeout),
  ];
}

const numbers = [
  ["Interval", "--health-interval"],
  ["Timeout", "--health-timeout"],
  ["StartPeriod", "--health-start-period"],
  ["StartInterval", "--health-start-interval"],
] as const;

function healthFlags({ healthcheck, config }: Wish): readonly string[] {
  const action = option("--health-on-failure", config.Labels[healthActionLabel]);
  const [kind, ...words] = healthcheck.Test ?? [];
  if (kind === "NONE") return ["--no-healthcheck", ...action];
  return [
    ...testFlag(kind, words),
    ...numbers.flatMap(([key, flag]) => {
      const value = healthcheck[key];
      return value === undefined ? [] : [flag, formatNanoseconds(value)];
    }),
    ...option("--health-retries", healthcheck.Retries),
    ...action,
  ];
}

function testFlag(kind: string | undefined, words: readonly string[]): readonly string[] {
  switch (kind) {
    case "CMD-SHELL":
      return ["--health-cmd", words.join(" ")];
    case "CMD":
      return ["--health-cmd", words.map(shellWord).join(" ")];
    case "HTTP":
      return ["--health-http", words[0] ?? ""];
    case "TCP":
      return ["--health-tcp", words[0] ?? ""];
    default:
      return [];
  }
}

function networkFlags({ host, endpoints }: Wish): readonly string[] {
  const [main, ...others] = endpoints;
  if (!main) return isDefault(host.NetworkMode) ? [] : ["--network", host.NetworkMode];
  const isAdvanced = main.GwPriority !== 0 || Object.keys(main.DriverOpts).length > 0;
  const name = isAdvanced
    ? ["--network", csvLine([`name=${main.network}`, ...advancedFields(main)])]
    : isDefault(main.network) && others.length === 0
      ? []
      : ["--network", main.network];
  return [
    ...name,
    ...repeatedText("--network-alias", main.Aliases),
    ...option("--ip", main.IPAMConfig?.IPv4Address),
    ...option("--ip6", main.IPAMConfig?.IPv6Address),
    ...repeatedText("--link-local-ip", main.IPAMConfig?.LinkLocalIPs ?? []),
    ...option("--mac-address", main.MacAddress),
    ...(isUserDefinedNetwork(main.network) ? repeatedText("--link", main.Links) : []),
    ...others.flatMap((endpoint) => ["--network", attachment(endpoint)]),
  ];
}

function isDefault(network: string): boolean {
  return ["", "default", "bridge"].includes(network);
}

function advancedFields({ DriverOpts, GwPriority }: WishedEndpoint): readonly string[] {
  return [
    ...Object.entries(DriverOpts).map(([key, value]) => `driver-opt=${key}=${value}`),
    ...(GwPriority === 0 ? [] : [`gw-priority=${GwPriority}`]),
  ];
}

function attachment(endpoint: WishedEndpoint): string {
  const { IPAMConfig, Aliases, MacAddress, network } = endpoint;
  const field = (key: string, value: string | undefined): readonly string[] =>
    value === undefined || value === "" ? [] : [`${key}=${value}`];
  const fields = [
    ...Aliases.map((alias) => `alias=${alias}`),
    ...field("ip", IPAMConfig?.IPv4Address),
    ...field("ip6", IPAMConfig?.IPv6Address),
    ...(IPAMConfig?.LinkLocalIPs ?? []).map((address) => `link-local-ip=${address}`),
    ...field("mac-address", MacAddress),
    ...advancedFields(endpoint),
  ];
  return fields.length === 0 ? network : csvLine([`name=${network}`, ...fields]);
}

/** The command line for a shell; a long one goes over several lines. */
export function toRunLine(wish: Wish): string {
  const lines: string[] = [];
  let line = "wharf";
  for (const group of groupsOf(runWords(wish).map(shellWord), shellWord(wish.image))) {
    if (line.length + group.length + 1 > LINE_WIDTH && line !== "wharf run") {
      lines.push(line);
      line = `  ${group}`;
    } else line += ` ${group}`;
  }
  return [...lines, line].join(" \\\n");
}

/** A flag with its value stays on one line; so does the command. */
function groupsOf(words: readonly string[], image: string): readonly string[] {
  const groups: string[] = [];
  let isCommand = false;
  for (const word of words) {
    const before = groups.at(-1) ?? "";
    const takesValue = /^--?[a-z][a-z0-9-]*$/.test(before) && !isFlagWithoutValue(before);
    if (isCommand || (takesValue && !isCommand)) groups[groups.length - 1] = `${before} ${word}`;
    else {
      groups.push(word);
      isCommand = word === image;
    }
  }
  return groups;
}

const switches: readonly string[] = [
  "-d",
  "-i",
  "-t",
  "--rm",
  "--init",
  "--privileged",
  "--publish-all",
  "--read-only",
  "--oom-kill-disable",
  "--no-healthcheck",
];

function isFlagWithoutValue(word: string): boolean {
  return switches.includes(word);
}
