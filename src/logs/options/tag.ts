import { GoTemplate } from "#base/go-template/template.ts";
import { TemplateStruct } from "#base/go-template/values.ts";
import { TEXT_FUNCTIONS } from "#base/go-template/text-functions.ts";
import type { LoggedContainer, LogOptions } from "#logs/logs.ts";
import { formatRfc3339 } from "#base/rfc3339.ts";

const SHORT_ID_LENGTH = 12;
const DEFAULT_TAG = "{{.ID}}";

/**
 * The option `tag`: a Go template over the container.
 *
 * @param fallback Where there is no such option: `json-file` writes none, the others the short id.
 * @throws {InvalidArgumentError} `template: log-tag:1: …`
 */
export function formatTag(container: LoggedContainer, fallback: string = DEFAULT_TAG): string {
  const text = container.options["tag"] || fallback;
  if (text === "") return "";
  return GoTemplate.parse(text, { name: "log-tag", functions: TEXT_FUNCTIONS }).execute(
    tagData(container),
  );
}

/** @throws {InvalidArgumentError} A template that is broken or names a field that there is not. */
export function checkTag(options: LogOptions): void {
  formatTag({ ...EXAMPLE, options });
}

const EXAMPLE: LoggedContainer = {
  id: "0".repeat(64),
  name: "",
  directory: "",
  imageId: `sha256:${"0".repeat(64)}`,
  imageName: "",
  command: [],
  createdNanos: 0n,
  labels: {},
  env: [],
  driver: "",
  options: {},
};

function tagData(container: LoggedContainer): TemplateStruct {
  const [path = "", ...args] = container.command;
  return new TemplateStruct("*logger.Info", {
    ID: container.id.slice(0, SHORT_ID_LENGTH),
    FullID: () => container.id,
    Name: container.name,
    ImageID: container.imageId.replace(/^sha256:/, "").slice(0, SHORT_ID_LENGTH),
    ImageFullID: () => container.imageId,
    ImageName: container.imageName,
    Command: [path, ...args].join(" "),
    DaemonName: "docker",
    ContainerID: container.id,
    ContainerName: `/${container.name}`,
    ContainerEntrypoint: path,
    ContainerArgs: args,
    ContainerImageID: container.imageId,
    ContainerImageName: container.imageName,
    ContainerCreated: formatRfc3339(container.createdNanos),
    ContainerEnv: container.env,
    ContainerLabels: container.labels,
    LogPath: "",
    Config: container.options,
  });
}
