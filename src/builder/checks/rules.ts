/** One build check, as Docker's documentation has it. */
export interface CheckRule {
  readonly description: string;
  /** Last part of the address of the rule's page; none without a page. */
  readonly slug?: string;
  /** Only where `# check=experimental=` asks for it. */
  readonly isExperimental?: boolean;
}

/** What a check is called: in warnings, and in `# check=skip=`. */
export type CheckName =
  | "StageNameCasing"
  | "FromAsCasing"
  | "NoEmptyContinuation"
  | "ConsistentInstructionCasing"
  | "DuplicateStageName"
  | "ReservedStageName"
  | "JSONArgsRecommended"
  | "MaintainerDeprecated"
  | "UndefinedArgInFrom"
  | "WorkdirRelativePath"
  | "UndefinedVar"
  | "MultipleInstructionsDisallowed"
  | "LegacyKeyValueFormat"
  | "RedundantTargetPlatform"
  | "SecretsUsedInArgOrEnv"
  | "InvalidDefaultArgInFrom"
  | "FromPlatformFlagConstDisallowed"
  | "CopyIgnoredFile"
  | "InvalidDefinitionDescription"
  | "ExposeProtoCasing"
  | "ExposeInvalidFormat";

/** The build checks by name. @see https://docs.docker.com/reference/build-checks/ */
export const CHECK_RULES: Readonly<Record<CheckName, CheckRule>> = {
  StageNameCasing: { description: "Stage names should be lowercase", slug: "stage-name-casing" },
  FromAsCasing: {
    description: "The 'as' keyword should match the case of the 'from' keyword",
    slug: "from-as-casing",
  },
  NoEmptyContinuation: {
    description: "Empty continuation lines will become errors in a future release",
    slug: "no-empty-continuation",
  },
  ConsistentInstructionCasing: {
    description:
      "All commands within the Dockerfile should use the same casing (either upper or lower)",
    slug: "consistent-instruction-casing",
  },
  DuplicateStageName: {
    description: "Stage names should be unique",
    slug: "duplicate-stage-name",
  },
  ReservedStageName: {
    description: "Reserved words should not be used as stage names",
    slug: "reserved-stage-name",
  },
  JSONArgsRecommended: {
    description:
      "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    slug: "json-args-recommended",
  },
  MaintainerDeprecated: {
    description:
      "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    slug: "maintainer-deprecated",
  },
  UndefinedArgInFrom: {
    description: "FROM command must use declared ARGs",
    slug: "undefined-arg-in-from",
  },
  WorkdirRelativePath: {
    description:
      "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    slug: "workdir-relative-path",
  },
  UndefinedVar: {
    description: "Variables should be defined before their use",
    slug: "undefined-var",
  },
  MultipleInstructionsDisallowed: {
    description: "Multiple instructions of the same type should not be used in the same stage",
    slug: "multiple-instructions-disallowed",
  },
  LegacyKeyValueFormat: {
    description: "Legacy key/value format with whitespace separator should not be used",
    slug: "legacy-key-value-format",
  },
  RedundantTargetPlatform: {
    description:
      "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    slug: "redundant-target-platform",
  },
  SecretsUsedInArgOrEnv: {
    description: "Sensitive data should not be used in the ARG or ENV commands",
    slug: "secrets-used-in-arg-or-env",
  },
  InvalidDefaultArgInFrom: {
    description: "Default value for global ARG results in an empty or invalid base image name",
    slug: "invalid-default-arg-in-from",
  },
  FromPlatformFlagConstDisallowed: {
    description: "FROM --platform flag should not use a constant value",
    slug: "from-platform-flag-const-disallowed",
  },
  CopyIgnoredFile: {
    description: "Attempting to Copy file that is excluded by .dockerignore",
    slug: "copy-ignored-file",
  },
  InvalidDefinitionDescription: {
    description:
      "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    slug: "invalid-definition-description",
    isExperimental: true,
  },
  ExposeProtoCasing: {
    description: "Protocol in EXPOSE instruction should be lowercase",
    slug: "expose-proto-casing",
  },
  ExposeInvalidFormat: {
    description:
      "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
    slug: "expose-invalid-format",
  },
};

/** Page of a rule. */
export function pageOf({ slug }: CheckRule): string | undefined {
  return slug === undefined ? undefined : `https://docs.docker.com/go/dockerfile/rule/${slug}/`;
}
