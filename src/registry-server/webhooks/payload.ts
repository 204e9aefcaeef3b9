import { namespaceOf } from "#registry-server/access/roles.ts";
import type { RegistryEvent } from "#registry-server/events/events.ts";
import type { WebhookFormat } from "#registry-server/metadata/webhooks.ts";
import { assertNever } from "#base/errors.ts";

export interface Payload {
  readonly contentType: string;
  readonly body: string;
}

const HARBOR_TYPES: Readonly<Record<RegistryEvent["action"], string>> = {
  push: "PUSH_ARTIFACT",
  pull: "PULL_ARTIFACT",
  delete: "DELETE_ARTIFACT",
};

/** @see https://docs.docker.com/docker-hub/repos/manage/webhooks/ */
function dockerHub(event: RegistryEvent): object {
  const { repository, origin, tag = "", atMs, actor } = event;
  const namespace = namespaceOf(repository);
  const seconds = Math.floor(atMs / 1000);
  return {
    callback_url: "",
    push_data: { pushed_at: seconds, pusher: actor, tag, images: [] },
    repository: {
      name: namespace === "" ? repository : repository.slice(namespace.length + 1),
      namespace,
      owner: namespace,
      repo_name: repository,
      repo_url: `${origin}/api/v1/repositories/${encodeURIComponent(repository)}`,
      status: "Active",
    },
  };
}

/** @see https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/ */
function harbor(event: RegistryEvent): object {
  const { action, repository, digest, tag, origin, atMs, actor } = event;
  const host = URL.parse(origin)?.host ?? "";
  const namespace = namespaceOf(repository);
  return {
    type: HARBOR_TYPES[action],
    occur_at: Math.floor(atMs / 1000),
    operator: actor,
    event_data: {
      resources: [
        {
          digest,
          tag: tag ?? digest,
          resource_url: `${host}/${repository}${tag === undefined ? `@${digest}` : `:${tag}`}`,
        },
      ],
      repository: {
        name: namespace === "" ? repository : repository.slice(namespace.length + 1),
        namespace,
        repo_full_name: repository,
        repo_type: "private",
      },
    },
  };
}

/** @see https://distribution.github.io/distribution/about/notifications/ */
function distribution(event: RegistryEvent): object {
  const { id, atMs, action, mediaType, sizeBytes, digest, repository, tag, origin } = event;
  return {
    events: [
      {
        id,
        timestamp: new Date(atMs).toISOString(),
        action,
        target: {
          mediaType,
          size: sizeBytes,
          digest,
          length: sizeBytes,
          repository,
          url: `${origin}/v2/${repository}/manifests/${digest}`,
          ...(tag === undefined ? {} : { tag }),
        },
        request: { id, addr: event.address, host: URL.parse(origin)?.host ?? "" },
        actor: { name: event.actor },
        source: { addr: URL.parse(origin)?.host ?? "" },
      },
    ],
  };
}

/** What a webhook of that format is sent for an event. */
export function payloadOf(format: WebhookFormat, event: RegistryEvent): Payload {
  const contentType = "application/json";
  switch (format) {
    case "dockerhub":
      return { contentType, body: JSON.stringify(dockerHub(event)) };
    case "harbor":
      return { contentType, body: JSON.stringify(harbor(event)) };
    case "distribution":
      return {
        contentType: "application/vnd.docker.distribution.events.v2+json",
        body: JSON.stringify(distribution(event)),
      };
    default:
      return assertNever(format);
  }
}

/** Whether a name is meant by `acme/app`, `acme/*` or `*`. */
export function matchesRepository(pattern: string, repository: string): boolean {
  return pattern.endsWith("*")
    ? repository.startsWith(pattern.slice(0, -1))
    : repository === pattern;
}
