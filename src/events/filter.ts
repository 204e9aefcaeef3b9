import {
  type Filters,
  filterValues,
  matchesExactly,
  matchesLabels,
  matchesPrefix,
} from "#spec/engine-api/filters.ts";
import { familiarName, tryParseImageReference } from "#spec/reference.ts";
import type { EngineEvent } from "./events.ts";

/** Names that `GET /events` takes in `filters` (events.json). */
export const EVENT_FILTERS: readonly string[] = [
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
];

/** Each matches a prefix of the actor's id or name, whatever the event's type: Docker's rule. */
const ACTOR_FILTERS = [
  "config",
  "container",
  "daemon",
  "network",
  "node",
  "plugin",
  "secret",
  "service",
  "volume",
] as const;

/** Actions with an argument behind a colon: `exec_create: sh -c …`. */
const ACTIONS_WITH_ARGUMENT = ["exec_create", "exec_start", "health_status"];

function matchesAction(filters: Filters, action: string): boolean {
  const wanted = filterValues(filters, "event");
  const isPrefix = wanted.some((value) => ACTIONS_WITH_ARGUMENT.includes(value));
  return isPrefix
    ? matchesPrefix(filters, "event", action)
    : matchesExactly(filters, "event", action);
}

function withoutTag(image: string): string {
  const result = tryParseImageReference(image);
  return result.ok ? familiarName(result.reference) : image;
}

/** Image events by id and name; container events by the image that they were made from. */
function matchesImage(filters: Filters, event: EngineEvent): boolean {
  if (filterValues(filters, "image").length === 0) return true;
  const name = event.attributes[event.type === "image" ? "name" : "image"] ?? "";
  const candidates = [event.actorId, name, withoutTag(event.actorId), withoutTag(name)];
  return candidates.some((candidate) => matchesExactly(filters, "image", candidate));
}

/** Whether an event is one of those asked for (moby `daemon/events/filter.go`). */
export function matchesEvent(filters: Filters, event: EngineEvent): boolean {
  const name = event.attributes["name"] ?? "";
  return (
    matchesAction(filters, event.action) &&
    matchesExactly(filters, "type", event.type) &&
    matchesExactly(filters, "scope", event.scope) &&
    ACTOR_FILTERS.every(
      (filter) =>
        matchesPrefix(filters, filter, event.actorId) || matchesPrefix(filters, filter, name),
    ) &&
    matchesImage(filters, event) &&
    matchesLabels(filters, event.attributes)
  );
}
