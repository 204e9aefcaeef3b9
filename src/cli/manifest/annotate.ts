import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { stringFlag, stringSliceFlag } from "#cli/command/flags.ts";
import type { ListedManifest, ManifestPlatform } from "./listed-manifest.ts";
import { ManifestStore } from "./manifest-store.ts";
import { parseManifestName } from "./references.ts";

/** Go's architectures by operating system, as docker's client takes them. */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  darwin: ["386", "amd64", "arm", "arm64"],
  dragonfly: ["amd64"],
  freebsd: ["386", "amd64", "arm"],
  linux: ["386", "amd64", "arm", "arm64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x"],
  netbsd: ["386", "amd64", "arm"],
  openbsd: ["386", "amd64", "arm"],
  plan9: ["386", "amd64"],
  solaris: ["amd64"],
  windows: ["386", "amd64"],
};

interface Annotations {
  readonly arch: string;
  readonly os: string;
  readonly "os-features": readonly string[];
  readonly "os-version": string;
  readonly variant: string;
}

function annotated(before: ManifestPlatform, flags: Annotations): ManifestPlatform {
  const osFeatures = [...new Set([...(before.osFeatures ?? []), ...flags["os-features"]])];
  return {
    ...before,
    ...(flags.os === "" ? {} : { os: flags.os }),
    ...(flags.arch === "" ? {} : { architecture: flags.arch }),
    ...(osFeatures.length === 0 ? {} : { osFeatures }),
    ...(flags["os-version"] === "" ? {} : { osVersion: flags["os-version"] }),
    ...(flags.variant === "" ? {} : { variant: flags.variant }),
  };
}

export const command: Command = defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST MANIFEST",
  args: exactly(2),
  flags: {
    arch: stringFlag("Set architecture"),
    os: stringFlag("Set operating system"),
    "os-features": stringSliceFlag("Set operating system feature"),
    "os-version": stringFlag("Set operating system version"),
    variant: stringFlag("Set architecture variant"),
  },
  async run(cli, { flags, args: [target = "", text = ""] }) {
    const list = parseManifestName(target, "annotate: error parsing name for manifest list");
    const image = parseManifestName(text, "annotate: error parsing name for manifest");
    const store = new ManifestStore(cli.globals.configDir);
    let manifest: ListedManifest;
    try {
      manifest = store.get(list, image);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new NotFoundError(`manifest for image ${text} does not exist in ${target}`, {
        cause: error,
      });
    }
    const platform = annotated(manifest.platform, flags);
    if (!ARCHITECTURES[platform.os]?.includes(platform.architecture)) {
      throw new InvalidArgumentError(
        `manifest entry for image has unsupported os/arch combination: ${flags.os}/${flags.arch}`,
      );
    }
    store.save(list, image, { ...manifest, platform });
    return await Promise.resolve(0);
  },
});
