import type { CommandEntry } from "#cli/command/command-entry.ts";

export const registryCommands: readonly CommandEntry[] = [
  {
    path: "registry audit",
    summary: "List what was changed in a registry, newest first",
    load: () => import("./audit.ts"),
  },
  {
    path: "registry gc",
    summary: "Apply retention rules and remove what nothing refers to",
    load: () => import("./gc.ts"),
  },
  {
    path: "registry org add-member",
    summary: "Add a user to an organisation, or change what it is there",
    load: () => import("./org/add-member.ts"),
  },
  {
    path: "registry org create",
    summary: "Create an organisation",
    load: () => import("./org/create.ts"),
  },
  {
    path: "registry org inspect",
    summary: "Show an organisation with its members",
    load: () => import("./org/inspect.ts"),
  },
  {
    path: "registry org ls",
    summary: "List organisations",
    load: () => import("./org/ls.ts"),
  },
  {
    path: "registry org rm",
    summary: "Remove an organisation; its repositories stay",
    load: () => import("./org/rm.ts"),
  },
  {
    path: "registry org rm-member",
    summary: "Take a user out of an organisation and its teams",
    load: () => import("./org/rm-member.ts"),
  },
  {
    path: "registry org update",
    summary: "Change an organisation",
    load: () => import("./org/update.ts"),
  },
  {
    path: "registry replication create",
    summary: "Keep repositories here and in another registry alike",
    load: () => import("./replication/create.ts"),
  },
  {
    path: "registry replication ls",
    summary: "List replication rules and what came of their last run",
    load: () => import("./replication/ls.ts"),
  },
  {
    path: "registry replication rm",
    summary: "Remove a replication rule; what was copied stays",
    load: () => import("./replication/rm.ts"),
  },
  {
    path: "registry replication run",
    summary: "Compare everything that a rule is about now",
    load: () => import("./replication/run.ts"),
  },
  {
    path: "registry repo create",
    summary: "Create a repository before its first push",
    load: () => import("./repo/create.ts"),
  },
  {
    path: "registry repo grant",
    summary: "Give a user or team a role on a repository, or on all below a prefix",
    load: () => import("./repo/grant.ts"),
  },
  {
    path: "registry repo grants",
    summary: "List who was given a role on a repository",
    load: () => import("./repo/grants.ts"),
  },
  {
    path: "registry repo inspect",
    summary: "Show a repository",
    load: () => import("./repo/inspect.ts"),
  },
  {
    path: "registry repo ls",
    summary: "List or search repositories",
    load: () => import("./repo/ls.ts"),
  },
  {
    path: "registry repo revoke",
    summary: "Take a role on a repository back",
    load: () => import("./repo/revoke.ts"),
  },
  {
    path: "registry repo rm",
    summary: "Remove a repository with all its tags",
    load: () => import("./repo/rm.ts"),
  },
  {
    path: "registry repo tags",
    summary: "List a repository's tags with digests and times",
    load: () => import("./repo/tags.ts"),
  },
  {
    path: "registry repo update",
    summary: "Change a repository's settings",
    load: () => import("./repo/update.ts"),
  },
  {
    path: "registry robot create",
    summary: "Create a robot account and print its login name and token",
    load: () => import("./robot/create.ts"),
  },
  {
    path: "registry robot ls",
    summary: "List robot accounts",
    load: () => import("./robot/ls.ts"),
  },
  {
    path: "registry robot rm",
    summary: "Remove a robot account",
    load: () => import("./robot/rm.ts"),
  },
  {
    path: "registry serve",
    summary: "Serve a registry for images and artifacts",
    load: () => import("./serve.ts"),
  },
  {
    path: "registry stats",
    summary: "Count what a registry has stored",
    load: () => import("./stats.ts"),
  },
  {
    path: "registry team add",
    summary: "Add members of the organisation to a team",
    load: () => import("./team/add.ts"),
  },
  {
    path: "registry team create",
    summary: "Create a team",
    load: () => import("./team/create.ts"),
  },
  {
    path: "registry team ls",
    summary: "List teams with their members",
    load: () => import("./team/ls.ts"),
  },
  {
    path: "registry team remove",
    summary: "Take members out of a team",
    load: () => import("./team/remove.ts"),
  },
  {
    path: "registry team rm",
    summary: "Remove a team and its grants",
    load: () => import("./team/rm.ts"),
  },
  {
    path: "registry token create",
    summary: "Create a personal access token and print it",
    load: () => import("./token/create.ts"),
  },
  {
    path: "registry token ls",
    summary: "List the own personal access tokens",
    load: () => import("./token/ls.ts"),
  },
  {
    path: "registry token rm",
    summary: "Revoke a personal access token",
    load: () => import("./token/rm.ts"),
  },
  {
    path: "registry user create",
    summary: "Create a user; the password is read from stdin",
    load: () => import("./user/create.ts"),
  },
  {
    path: "registry user ls",
    summary: "List users",
    load: () => import("./user/ls.ts"),
  },
  {
    path: "registry user rm",
    summary: "Remove a user; its repositories stay",
    load: () => import("./user/rm.ts"),
  },
  {
    path: "registry user update",
    summary: "Change a user",
    load: () => import("./user/update.ts"),
  },
  {
    path: "registry verify",
    summary: "Read everything that is stored and compare it with its digests",
    load: () => import("./verify.ts"),
  },
  {
    path: "registry webhook create",
    summary: "Create a webhook; with --secret-stdin its events are signed",
    load: () => import("./webhook/create.ts"),
  },
  {
    path: "registry webhook deliveries",
    summary: "List what a webhook was told, newest first",
    load: () => import("./webhook/deliveries.ts"),
  },
  {
    path: "registry webhook ls",
    summary: "List webhooks",
    load: () => import("./webhook/ls.ts"),
  },
  {
    path: "registry webhook resend",
    summary: "Send an event to a webhook once more",
    load: () => import("./webhook/resend.ts"),
  },
  {
    path: "registry webhook rm",
    summary: "Remove a webhook and its history",
    load: () => import("./webhook/rm.ts"),
  },
];
